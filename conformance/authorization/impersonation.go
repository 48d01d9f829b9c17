package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// posing returns a client that acts as somebody else: the user of the kubeconfig, or the bearer of a token.
func posing(f *Framework, token string, as rest.ImpersonationConfig) kubernetes.Interface {
	GinkgoHelper()
	config := rest.CopyConfig(f.Config)
	if token != "" {
		config = rest.AnonymousClientConfig(f.Config)
		config.BearerToken = token
	}
	config.Impersonate = as
	api, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred(), "make a client")
	return api
}

var _ = Describe("impersonation", func() {
	f := New()

	f.It("authorization/impersonation", func(ctx SpecContext) {
		full := posing(f, "", rest.ImpersonationConfig{UserName: "alice", UID: "id-of-alice", Groups: []string{"crew", "staff"},
			Extra: map[string][]string{"scopes": {"view", "deploy"}, "example.com/dept": {"ops"}}})
		who := whoAmI(ctx, full)
		Expect(who.Username).To(Equal("alice"))
		Expect(who.UID).To(Equal("id-of-alice"))
		Expect(who.Groups).To(ConsistOf("crew", "staff", "system:authenticated"))
		Expect(who.Extra).To(And(HaveKeyWithValue("scopes", authenticationv1.ExtraValue{"view", "deploy"}), HaveKeyWithValue("example.com/dept", authenticationv1.ExtraValue{"ops"})))
		who = whoAmI(ctx, f.As("bob"))
		Expect(who.Username).To(Equal("bob"))
		Expect(who.Groups).To(ConsistOf("system:authenticated"), "nothing of the impersonator's is left")
		// Groups, uid and extra are nobody's without a user.
		for _, headers := range []map[string]string{{"Impersonate-Group": "crew"}, {"Impersonate-Uid": "1"}, {"Impersonate-Extra-Scopes": "view"}} {
			request := f.API.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces")
			for name, value := range headers {
				request.SetHeader(name, value)
			}
			Expect(request.Do(ctx).Error()).To(HaveOccurred(), "%v", headers)
		}
	})

	f.It("authorization/impersonation-service-account", func(ctx SpecContext) {
		name := "system:serviceaccount:" + f.Namespace + ":robot"
		who := whoAmI(ctx, f.As(name))
		Expect(who.Username).To(Equal(name))
		Expect(who.Groups).To(ConsistOf("system:serviceaccounts", "system:serviceaccounts:"+f.Namespace, "system:authenticated"))
		// Its rights are those of the account.
		f.Create(ctx, role("reader", rule(reading, "configmaps")), bind("Role", "reader", robot(f.Namespace, "robot")))
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, f.As(name), f.Namespace) })
		// All ServiceAccounts of a namespace are a group.
		f.Create(ctx, role("secrets", rule(reading, "secrets")), bind("Role", "secrets", group("system:serviceaccounts:"+f.Namespace)))
		secrets := func(as kubernetes.Interface) error {
			_, err := as.CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
			return err
		}
		mayNow(ctx, f, "listing Secrets", func() error { return secrets(f.As("system:serviceaccount:" + f.Namespace + ":another")) })
		MustRefuse(secrets(f.As("system:serviceaccount:"+f.Namespace+"-other:robot")), http.StatusForbidden)
	})

	f.It("authorization/impersonation-rights", func(ctx SpecContext) {
		alice, crew := "alice-"+f.Namespace, "crew-"+f.Namespace
		f.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "actor"}}, role("actor", rule([]string{"impersonate"}, "serviceaccounts")), bind("Role", "actor", robot(f.Namespace, "actor")))
		impersonate := func(apiGroup, resource string, names ...string) rbacv1.PolicyRule {
			return rbacv1.PolicyRule{APIGroups: []string{apiGroup}, Resources: []string{resource}, ResourceNames: names, Verbs: []string{"impersonate"}}
		}
		token := tokenOf(ctx, f, "actor")
		try := func(as rest.ImpersonationConfig) error {
			_, err := posing(f, token, as).AuthenticationV1().SelfSubjectReviews().Create(context.WithoutCancel(ctx), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
			return err
		}
		MustRefuse(try(rest.ImpersonationConfig{UserName: alice}), http.StatusForbidden, `User "system:serviceaccount:`+f.Namespace+`:actor" cannot impersonate`)
		f.CreateForCluster(ctx, clusterRole(f.Namespace, impersonate("", "users", alice), impersonate("", "groups", crew),
			impersonate("authentication.k8s.io", "uids", "1"), impersonate("authentication.k8s.io", "userextras/scopes", "view")),
			bindEverywhere(f.Namespace, robot(f.Namespace, "actor")))
		mayNow(ctx, f, "acting as alice", func() error { return try(rest.ImpersonationConfig{UserName: alice}) })
		mayNow(ctx, f, "acting as alice of the crew", func() error {
			return try(rest.ImpersonationConfig{UserName: alice, Groups: []string{crew}, UID: "1", Extra: map[string][]string{"scopes": {"view"}}})
		})
		for what, as := range map[string]rest.ImpersonationConfig{
			"another user":                    {UserName: "bob-" + f.Namespace},
			"another group":                   {UserName: alice, Groups: []string{crew, "system:masters"}},
			"another uid":                     {UserName: alice, UID: "2"},
			"another scope":                   {UserName: alice, Extra: map[string][]string{"scopes": {"view", "deploy"}}},
			"another extra":                   {UserName: alice, Extra: map[string][]string{"dept": {"view"}}},
			"an account of another namespace": {UserName: "system:serviceaccount:kube-system:default"},
		} {
			err := try(as)
			Expect(err).To(HaveOccurred(), "acting as %s", what)
			MustRefuse(err, http.StatusForbidden, "cannot impersonate")
		}
		mayNow(ctx, f, "acting as a ServiceAccount of the namespace", func() error {
			return try(rest.ImpersonationConfig{UserName: "system:serviceaccount:" + f.Namespace + ":default"})
		})
	})
})
