package configuration

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// algorithms are those that a cluster's tokens may be signed by.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// claims are what the documentation says of a token.
type claims struct {
	jwt.Claims
	Kubernetes struct {
		Namespace      string `json:"namespace"`
		ServiceAccount named  `json:"serviceaccount"`
		Pod            *named `json:"pod"`
		Secret         *named `json:"secret"`
	} `json:"kubernetes.io"`
}

type named struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// read reads a token, trusting it.
func read(token string) claims {
	GinkgoHelper()
	parsed, err := jwt.ParseSigned(token, algorithms)
	Expect(err).NotTo(HaveOccurred(), "the token is a signed JWT")
	var c claims
	Expect(parsed.UnsafeClaimsWithoutVerification(&c)).To(Succeed())
	return c
}

// tryToken asks for a token of the ServiceAccount robot.
func tryToken(ctx context.Context, f *Framework, spec authenticationv1.TokenRequestSpec) (*authenticationv1.TokenRequest, error) {
	return f.API.CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, "robot", &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
}

// token asks for a token that must be given.
func token(ctx context.Context, f *Framework, spec authenticationv1.TokenRequestSpec) string {
	GinkgoHelper()
	answer, err := tryToken(ctx, f, spec)
	Expect(err).NotTo(HaveOccurred(), "ask for a token")
	return answer.Status.Token
}

func boundTo(kind, name string) authenticationv1.TokenRequestSpec {
	return authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: kind, APIVersion: "v1", Name: name}}
}

// waitUnknown waits until a token is no longer recognised: the API server may remember for some seconds that it was.
func waitUnknown(ctx context.Context, f *Framework, what, token string) {
	GinkgoHelper()
	f.WaitUntil(ctx, what, NamespaceTimeout, func(ctx context.Context) (bool, string) {
		return !review(ctx, f, token).Authenticated, "the token is still recognised"
	})
}

var _ = Describe("tokens of ServiceAccounts", func() {
	f := New()

	f.It("configuration/token-lifetime", func(ctx SpecContext) {
		f.Create(ctx, account("robot"))
		_, err := tryToken(ctx, f, authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](599)})
		MustBeInvalid(err, "spec.expirationSeconds", "may not specify a duration less than 10 minutes")
		_, err = tryToken(ctx, f, authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](1<<32 + 1)})
		MustBeInvalid(err, "spec.expirationSeconds", "may not specify a duration larger than 2^32 seconds")
		for asked, want := range map[*int64]time.Duration{nil: time.Hour, ptr.To[int64](600): 10 * time.Minute} {
			answer, err := tryToken(ctx, f, authenticationv1.TokenRequestSpec{ExpirationSeconds: asked})
			Expect(err).NotTo(HaveOccurred())
			said := read(answer.Status.Token)
			Expect(said.Expiry.Time().Sub(said.IssuedAt.Time())).To(Equal(want))
			Expect(answer.Status.ExpirationTimestamp.Time).To(BeTemporally("~", said.Expiry.Time(), 2*time.Second))
			Expect(answer.Spec.ExpirationSeconds).To(HaveValue(BeEquivalentTo(want.Seconds())))
		}
		_, err = f.API.CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, "none-such", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		MustBeMissing(err)
	})

	f.It("configuration/token-claims", func(ctx SpecContext) {
		sa, pod := account("robot"), Idle()
		pod.Spec.ServiceAccountName = "robot"
		f.Create(ctx, sa, pod)
		plain := read(token(ctx, f, authenticationv1.TokenRequestSpec{Audiences: []string{"vault", "example.com"}}))
		Expect(plain.Subject).To(Equal("system:serviceaccount:" + f.Namespace + ":robot"))
		Expect(plain.Issuer).NotTo(BeEmpty())
		Expect([]string(plain.Audience)).To(ConsistOf("vault", "example.com"))
		Expect(plain.NotBefore.Time()).To(Equal(plain.IssuedAt.Time()))
		Expect(plain.ID).NotTo(BeEmpty())
		Expect(plain.Kubernetes.Namespace).To(Equal(f.Namespace))
		Expect(plain.Kubernetes.ServiceAccount).To(Equal(named{"robot", string(sa.UID)}))
		Expect(plain.Kubernetes.Pod).To(BeNil())
		bound := read(token(ctx, f, boundTo("Pod", pod.Name)))
		Expect(bound.Kubernetes.Pod).To(HaveValue(Equal(named{pod.Name, string(pod.UID)})))
		Expect(bound.Audience).NotTo(BeEmpty(), "the audience of the API server")
		Expect(bound.ID).NotTo(Equal(plain.ID), "each token has an id of its own")
	})

	f.It("configuration/token-audiences", func(ctx SpecContext) {
		f.Create(ctx, account("robot"))
		both := token(ctx, f, authenticationv1.TokenRequestSpec{Audiences: []string{"vault", "example.com"}})
		status := review(ctx, f, both, "example.com", "another")
		Expect(status.Authenticated).To(BeTrue(), status.Error)
		Expect(status.Audiences).To(Equal([]string{"example.com"}), "those that were asked about and that the token has")
		status = review(ctx, f, both, "another")
		Expect(status.Authenticated).To(BeFalse())
		Expect(status.User.Username).To(BeEmpty())
		_, err := f.WithToken(both).CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusUnauthorized)
		// One for the API server is known, and has no rights yet.
		_, err = f.WithToken(token(ctx, f, authenticationv1.TokenRequestSpec{})).CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, "system:serviceaccount:"+f.Namespace+":robot")
	})

	f.It("configuration/token-bound-pod", func(ctx SpecContext) {
		pod, other := Idle(), Idle()
		pod.Spec.ServiceAccountName, other.Name = "robot", "other"
		f.Create(ctx, account("robot"), pod, other)
		status := review(ctx, f, token(ctx, f, boundTo("Pod", pod.Name)))
		Expect(status.Authenticated).To(BeTrue(), status.Error)
		Expect(status.User.Extra).To(And(
			HaveKeyWithValue("authentication.kubernetes.io/pod-name", authenticationv1.ExtraValue{pod.Name}),
			HaveKeyWithValue("authentication.kubernetes.io/pod-uid", authenticationv1.ExtraValue{string(pod.UID)})))
		_, err := tryToken(ctx, f, boundTo("Pod", "none-such"))
		MustRefuse(err, http.StatusNotFound, `pods "none-such" not found`)
		_, err = tryToken(ctx, f, boundTo("Pod", other.Name))
		MustRefuse(err, http.StatusBadRequest, `cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name`)
		_, err = tryToken(ctx, f, boundTo("ConfigMap", "kube-root-ca.crt"))
		MustRefuse(err, http.StatusBadRequest, "cannot bind token to object of type")
		another := boundTo("Pod", pod.Name)
		another.BoundObjectRef.UID = other.UID
		_, err = tryToken(ctx, f, another)
		MustRefuse(err, http.StatusConflict, "does not match the UID in record")
	})

	f.It("configuration/token-bound-secret", func(ctx SpecContext) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "anchor"}}
		f.Create(ctx, account("robot"), secret)
		bound := token(ctx, f, boundTo("Secret", "anchor"))
		Expect(read(bound).Kubernetes.Secret).To(HaveValue(Equal(named{"anchor", string(secret.UID)})))
		Expect(review(ctx, f, bound).Authenticated).To(BeTrue())
		f.Delete(ctx, secret)
		// One of the same name is another one.
		f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "anchor"}})
		waitUnknown(ctx, f, "the token ends with the Secret", bound)
	})

	f.It("configuration/token-account-remade", func(ctx SpecContext) {
		f.Create(ctx, account("robot"))
		old := token(ctx, f, authenticationv1.TokenRequestSpec{})
		Expect(review(ctx, f, old).Authenticated).To(BeTrue())
		f.Delete(ctx, account("robot"))
		f.Create(ctx, account("robot"))
		waitUnknown(ctx, f, "the token of the account that was ends", old)
		Expect(review(ctx, f, token(ctx, f, authenticationv1.TokenRequestSpec{})).Authenticated).To(BeTrue())
	})

	f.It("configuration/token-volume", func(ctx SpecContext) {
		pod := Pod("pod", "sleep", "1h")
		pod.Spec.ServiceAccountName = "robot"
		pod.Spec.Volumes = []corev1.Volume{{Name: "vault", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault", ExpirationSeconds: ptr.To[int64](7200), Path: "vault-token"}}}}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "vault", MountPath: "/vault"}}
		f.Create(ctx, account("robot"), pod)
		f.WaitPodReady(ctx, "pod")
		mounted := f.MustExec(ctx, "pod", "", "/tool", "cat", "/vault/vault-token")
		said := read(mounted)
		Expect([]string(said.Audience)).To(Equal([]string{"vault"}))
		Expect(said.Expiry.Time().Sub(said.IssuedAt.Time())).To(Equal(2 * time.Hour))
		Expect(said.Kubernetes.Pod).To(HaveValue(Equal(named{"pod", string(pod.UID)})))
		status := review(ctx, f, mounted, "vault")
		Expect(status.Authenticated).To(BeTrue(), status.Error)
		Expect(status.User.Username).To(Equal("system:serviceaccount:" + f.Namespace + ":robot"))
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		f.WaitUntil(ctx, "the token ends with the pod", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			return !review(ctx, f, mounted, "vault").Authenticated, "it is still recognised"
		})
	})

	f.It("configuration/issuer-documents", func(ctx SpecContext) {
		f.Create(ctx, account("robot"))
		issued := token(ctx, f, authenticationv1.TokenRequestSpec{})
		as := f.WithToken(issued).Discovery().RESTClient()
		var discovery struct {
			Issuer        string   `json:"issuer"`
			Keys          string   `json:"jwks_uri"`
			ResponseTypes []string `json:"response_types_supported"`
			SubjectTypes  []string `json:"subject_types_supported"`
			Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		}
		fetch(ctx, as, "/.well-known/openid-configuration", &discovery)
		Expect(discovery.Issuer).To(Equal(read(issued).Issuer))
		Expect(strings.HasPrefix(discovery.Keys, "https://")).To(BeTrue(), discovery.Keys)
		Expect(discovery.ResponseTypes).To(ContainElement("id_token"))
		Expect(discovery.SubjectTypes).To(ContainElement("public"))
		var keys jose.JSONWebKeySet
		fetch(ctx, as, "/openid/v1/jwks", &keys)
		parsed, err := jwt.ParseSigned(issued, algorithms)
		Expect(err).NotTo(HaveOccurred())
		Expect(parsed.Headers).To(HaveLen(1))
		Expect(discovery.Algorithms).To(ContainElement(parsed.Headers[0].Algorithm))
		Expect(keys.Key(parsed.Headers[0].KeyID)).To(HaveLen(1), "the key of the token is among those published")
		Expect(parsed.Claims(keys.Key(parsed.Headers[0].KeyID)[0].Key, &claims{})).To(Succeed(), "the published key verifies the token")
		for _, key := range keys.Keys {
			Expect(key.IsPublic()).To(BeTrue())
		}
	})
})
