package configuration

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// tokens is where a pod finds its ServiceAccount's files.
const tokens = "/var/run/secrets/kubernetes.io/serviceaccount"

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// review asks the server whose token it is.
func review(ctx context.Context, f *Framework, token string, audiences ...string) authenticationv1.TokenReviewStatus {
	GinkgoHelper()
	answer, err := f.API.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "review a token")
	return answer.Status
}

var _ = Describe("ServiceAccounts", func() {
	f := New()

	f.It("configuration/service-account-default", func(ctx SpecContext) {
		first := account("default")
		f.Get(ctx, first)
		f.Delete(ctx, first)
		f.WaitUntil(ctx, "the ServiceAccount default is made again", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			again := account("default")
			err := f.TryGet(ctx, again)
			return err == nil && again.UID != first.UID, "it is not there, or is the old one"
		})
		// The admission of pods may learn of it a moment later.
		pod := Idle()
		f.WaitUntil(ctx, "a pod can be created", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			if err := f.TryCreate(ctx, pod); err != nil {
				return false, err.Error()
			}
			return true, ""
		})
		Expect(pod.Spec.ServiceAccountName).To(Equal("default"))
		own := Idle()
		own.Name, own.Spec.ServiceAccountName = "own", "robot"
		f.Create(ctx, account("robot"), own)
		Expect(own.Spec.ServiceAccountName).To(Equal("robot"))
		Expect(own.Spec.DeprecatedServiceAccount).To(Equal("robot"))
	})

	f.It("configuration/service-account-missing", func(ctx SpecContext) {
		pod := Idle()
		pod.Spec.ServiceAccountName = "none-such"
		MustRefuse(f.TryCreate(ctx, pod), http.StatusForbidden, "error looking up service account "+f.Namespace+`/none-such: serviceaccount "none-such" not found`)
	})

	f.It("configuration/service-account-files", func(ctx SpecContext) {
		without, byAccount := Pod("without", "sleep", "1h"), Pod("by-account", "sleep", "1h")
		without.Spec.AutomountServiceAccountToken = ptr.To(false)
		shy := account("shy")
		shy.AutomountServiceAccountToken = ptr.To(false)
		byAccount.Spec.ServiceAccountName = "shy"
		f.Create(ctx, shy, Pod("with", "sleep", "1h"), without, byAccount)
		f.WaitPodReady(ctx, "with")
		Expect(strings.Fields(f.MustExec(ctx, "with", "", "/tool", "ls", tokens))).To(ContainElements("ca.crt", "namespace", "token"))
		Expect(f.MustExec(ctx, "with", "", "/tool", "cat", tokens+"/namespace")).To(Equal(f.Namespace))
		Expect(f.MustExec(ctx, "with", "", "/tool", "cat", tokens+"/ca.crt")).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
		Expect(strings.Split(f.MustExec(ctx, "with", "", "/tool", "cat", tokens+"/token"), ".")).To(HaveLen(3), "the token is a JWT")
		for _, name := range []string{"without", "by-account"} {
			f.WaitPodReady(ctx, name)
			Expect(f.Exec(ctx, name, "", "/tool", "ls", tokens).Code).NotTo(BeZero(), "pod %s has the files", name)
		}
		secrets, err := f.API.CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(secrets.Items).To(BeEmpty(), "no Secret is made for a token")
	})

	f.It("configuration/service-account-identity", func(ctx SpecContext) {
		pod := Pod("caller", "sleep", "1h")
		pod.Spec.ServiceAccountName = "robot"
		f.Create(ctx, account("robot"), pod)
		f.WaitPodReady(ctx, "caller")
		token := f.MustExec(ctx, "caller", "", "/tool", "cat", tokens+"/token")
		self, err := f.WithToken(token).AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		who := self.Status.UserInfo
		Expect(who.Username).To(Equal("system:serviceaccount:" + f.Namespace + ":robot"))
		Expect(who.Groups).To(ConsistOf("system:serviceaccounts", "system:serviceaccounts:"+f.Namespace, "system:authenticated"))
		Expect(who.Extra).To(HaveKeyWithValue("authentication.kubernetes.io/pod-name", authenticationv1.ExtraValue{"caller"}))
	})

	f.It("configuration/token-request", func(ctx SpecContext) {
		pod := Idle()
		pod.Spec.ServiceAccountName = "robot"
		f.Create(ctx, account("robot"), pod)
		ask := func(spec authenticationv1.TokenRequestSpec) *authenticationv1.TokenRequest {
			GinkgoHelper()
			answer, err := f.API.CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, "robot", &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred(), "ask for a token")
			return answer
		}
		plain := ask(authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)})
		Expect(plain.Status.ExpirationTimestamp.Time).To(BeTemporally("~", time.Now().Add(time.Hour), 10*time.Minute))
		status := review(ctx, f, plain.Status.Token)
		Expect(status.Authenticated).To(BeTrue(), status.Error)
		Expect(status.User.Username).To(Equal("system:serviceaccount:" + f.Namespace + ":robot"))
		Expect(review(ctx, f, plain.Status.Token[:len(plain.Status.Token)-4]+"AAAA").Authenticated).To(BeFalse(), "a forged token")

		other := ask(authenticationv1.TokenRequestSpec{Audiences: []string{"example.com"}})
		Expect(review(ctx, f, other.Status.Token).Authenticated).To(BeFalse(), "a token for another audience")
		Expect(review(ctx, f, other.Status.Token, "example.com").Authenticated).To(BeTrue(), "the same, for its audience")

		bound := ask(authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name}})
		Expect(review(ctx, f, bound.Status.Token).Authenticated).To(BeTrue(), "a token of a pod that is there")
		ends := func(what, token string) {
			GinkgoHelper()
			f.WaitUntil(ctx, what, NamespaceTimeout, func(ctx context.Context) (bool, string) {
				return !review(ctx, f, token).Authenticated, "it is still recognised"
			})
		}
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		ends("the token of the pod ends with it", bound.Status.Token)
		f.Delete(ctx, account("robot"))
		ends("the token of the account ends with it", plain.Status.Token)
	})
})
