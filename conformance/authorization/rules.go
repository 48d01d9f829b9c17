package authorization

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// attempts are one request for each verb that RBAC knows of resources, on ConfigMaps. Where the object is
// missing, one that is allowed says so.
func attempts(ctx context.Context, as kubernetes.Interface, namespace string) map[string]func() error {
	maps := as.CoreV1().ConfigMaps(namespace)
	missing := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "missing"}}
	return map[string]func() error{
		"get":  func() error { _, err := maps.Get(ctx, "missing", metav1.GetOptions{}); return err },
		"list": func() error { _, err := maps.List(ctx, metav1.ListOptions{}); return err },
		"watch": func() error {
			w, err := maps.Watch(ctx, metav1.ListOptions{})
			if err == nil {
				w.Stop()
			}
			return err
		},
		"create": func() error {
			_, err := maps.Create(ctx, missing, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		},
		"update": func() error { _, err := maps.Update(ctx, missing, metav1.UpdateOptions{}); return err },
		"patch": func() error {
			_, err := maps.Patch(ctx, "missing", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
			return err
		},
		"delete": func() error { return maps.Delete(ctx, "missing", metav1.DeleteOptions{}) },
		"deletecollection": func() error {
			return maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "none=such"})
		},
	}
}

var _ = Describe("rules", func() {
	f := New()

	f.It("authorization/service-reader", func(ctx SpecContext) {
		other := f.NewNamespace(ctx, "other").Name
		f.Create(ctx, role("service-reader", rule([]string{"get", "list"}, "services")), bind("Role", "service-reader", robot(f.Namespace, "default")), Service("web"))
		as := f.WithToken(tokenOf(ctx, f, "default"))
		list := func(namespace string) error {
			_, err := as.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
			return err
		}
		mayNow(ctx, f, "listing Services", func() error { return list(f.Namespace) })
		_, err := as.CoreV1().Services(f.Namespace).Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		user := `User "system:serviceaccount:` + f.Namespace + `:default"`
		MustRefuse(list(other), http.StatusForbidden, `services is forbidden: `+user+` cannot list resource "services" in API group "" in the namespace "`+other+`"`)
		MustRefuse(list(""), http.StatusForbidden, `services is forbidden: `+user+` cannot list resource "services" in API group "" at the cluster scope`)
		MustRefuse(as.CoreV1().Services(f.Namespace).Delete(ctx, "web", metav1.DeleteOptions{}), http.StatusForbidden,
			`services "web" is forbidden: `+user+` cannot delete resource "services" in API group "" in the namespace "`+f.Namespace+`"`)
		// The account of the same name of another namespace is another one.
		MustRefuse(func() error {
			_, err := f.As("system:serviceaccount:"+other+":default").CoreV1().Services(f.Namespace).List(ctx, metav1.ListOptions{})
			return err
		}(), http.StatusForbidden)
	})

	f.It("authorization/verbs", func(ctx SpecContext) {
		for verb := range attempts(ctx, f.API, f.Namespace) {
			f.Create(ctx, role(verb, rule([]string{verb}, "configmaps")), bind("Role", verb, user(verb+"-"+f.Namespace)))
		}
		for granted := range attempts(ctx, f.API, f.Namespace) {
			who := granted + "-" + f.Namespace
			waitMay(ctx, f, true, who, nil, authResource(f.Namespace, granted, "", "configmaps"))
			for verb, attempt := range attempts(ctx, f.As(who), f.Namespace) {
				if verb == granted {
					mustAllow(attempt(), "to "+verb+" with the verb "+granted)
					continue
				}
				MustRefuse(attempt(), http.StatusForbidden, `User "`+who+`" cannot `+verb+` resource "configmaps"`)
			}
		}
	})

	f.It("authorization/api-groups", func(ctx SpecContext) {
		name := "reader-" + f.Namespace
		f.Create(ctx, role("reader", rbacv1.PolicyRule{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"list"}}), bind("Role", "reader", user(name)))
		mayNow(ctx, f, "listing events of events.k8s.io", func() error {
			_, err := f.As(name).EventsV1().Events(f.Namespace).List(ctx, metav1.ListOptions{})
			return err
		})
		_, err := f.As(name).CoreV1().Events(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot list resource "events" in API group "" in the namespace`)
	})

	f.It("authorization/wildcards", func(ctx SpecContext) {
		name := "all-" + f.Namespace
		star := []string{"*"}
		f.Create(ctx, role("verbs", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: star}), bind("Role", "verbs", user("verbs-"+name)),
			role("resources", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: star, Verbs: []string{"get"}}), bind("Role", "resources", user("resources-"+name)),
			role("groups", rbacv1.PolicyRule{APIGroups: star, Resources: []string{"deployments"}, Verbs: []string{"get"}}), bind("Role", "groups", user("groups-"+name)),
			role("scales", rbacv1.PolicyRule{APIGroups: star, Resources: []string{"*/scale"}, Verbs: []string{"get"}}), bind("Role", "scales", user("scales-"+name)))
		for _, c := range []struct {
			who, verb, group, resource, subresource string
			want                                    bool
		}{
			{"verbs", "delete", "", "configmaps", "", true}, {"verbs", "made-up", "", "configmaps", "", true}, {"verbs", "get", "", "secrets", "", false},
			{"resources", "get", "", "secrets", "", true}, {"resources", "get", "", "pods", "log", true}, {"resources", "list", "", "secrets", "", false}, {"resources", "get", "apps", "deployments", "", false},
			{"groups", "get", "apps", "deployments", "", true}, {"groups", "get", "made.up", "deployments", "", true}, {"groups", "get", "apps", "deployments", "scale", false},
			{"scales", "get", "apps", "deployments", "scale", true}, {"scales", "get", "", "replicationcontrollers", "scale", true}, {"scales", "get", "apps", "deployments", "", false}, {"scales", "get", "apps", "deployments", "status", false},
		} {
			what := authResource(f.Namespace, c.verb, c.group, c.resource)
			what.Subresource = c.subresource
			waitMay(ctx, f, c.want, c.who+"-"+name, nil, what)
		}
	})

	f.It("authorization/subresource-alone", func(ctx SpecContext) {
		name := "scaler-" + f.Namespace
		f.Create(ctx, Deployment("web", 1, Idle()), role("scaler", rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments/scale"}, Verbs: []string{"get", "update"}}), bind("Role", "scaler", user(name)))
		deployments := f.As(name).AppsV1().Deployments(f.Namespace)
		mayNow(ctx, f, "reading the scale", func() error { _, err := deployments.GetScale(ctx, "web", metav1.GetOptions{}); return err })
		_, err := deployments.UpdateScale(ctx, "web", &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: autoscalingv1.ScaleSpec{Replicas: 2}}, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = deployments.Get(ctx, "web", metav1.GetOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot get resource "deployments" in API group "apps"`)
	})

	f.It("authorization/resource-name-lists", func(ctx SpecContext) {
		name := "owner-" + f.Namespace
		own := rule([]string{"list", "watch", "create", "deletecollection"}, "configmaps")
		own.ResourceNames = []string{"mine"}
		f.Create(ctx, role("owner", own), bind("Role", "owner", user(name)), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}})
		maps := f.As(name).CoreV1().ConfigMaps(f.Namespace)
		list := func(field string) ([]corev1.ConfigMap, error) {
			answer, err := maps.List(ctx, metav1.ListOptions{FieldSelector: field})
			return answer.Items, err
		}
		mayNow(ctx, f, "listing what one names", func() error { _, err := list("metadata.name=mine"); return err })
		mine, err := list("metadata.name=mine")
		Expect(err).NotTo(HaveOccurred())
		Expect(mine).To(ConsistOf(HaveField("Name", "mine")))
		for _, field := range []string{"", "metadata.name=theirs", "metadata.name!=theirs"} {
			_, err := list(field)
			MustRefuse(err, http.StatusForbidden, `cannot list resource "configmaps"`)
		}
		// A new object's name is not part of the request for it.
		_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
		MustRefuse(err, http.StatusForbidden, `cannot create resource "configmaps"`)
	})

	f.It("authorization/cluster-scope", func(ctx SpecContext) {
		name := "reader-" + f.Namespace
		f.CreateForCluster(ctx, clusterRole(f.Namespace, rule(reading, "nodes", "namespaces", "configmaps"), rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}))
		f.Create(ctx, bind("ClusterRole", f.Namespace, user(name)))
		as := f.As(name)
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, as, f.Namespace) })
		_, err := as.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `nodes is forbidden: User "`+name+`" cannot list resource "nodes" in API group "" at the cluster scope`)
		_, err = as.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, "at the cluster scope")
		MustRefuse(as.Discovery().RESTClient().Get().AbsPath("/metrics").Do(ctx).Error(), http.StatusForbidden, `cannot get path "/metrics"`)
		// A namespace itself counts as being in it.
		_, err = as.CoreV1().Namespaces().Get(ctx, f.Namespace, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	f.It("authorization/additive", func(ctx SpecContext) {
		name := "both-" + f.Namespace
		second := bind("Role", "secrets", group("crew-"+f.Namespace))
		f.Create(ctx, role("maps", rule(reading, "configmaps")), bind("Role", "maps", user(name)), role("secrets", rule(reading, "secrets", "configmaps")), second)
		as := f.As(name, "crew-"+f.Namespace)
		secrets := func() error {
			_, err := as.CoreV1().Secrets(f.Namespace).List(ctx, metav1.ListOptions{})
			return err
		}
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, as, f.Namespace) })
		mayNow(ctx, f, "listing Secrets", secrets)
		f.Delete(ctx, second)
		forbids(ctx, f, "listing Secrets", secrets)
		Expect(listMaps(ctx, as, f.Namespace)).To(Succeed(), "what another binding allows stays allowed")
	})

	f.It("authorization/missing-role", func(ctx SpecContext) {
		name := "early-" + f.Namespace
		f.Create(ctx, bind("Role", "reader", user(name)))
		MustRefuse(listMaps(ctx, f.As(name), f.Namespace), http.StatusForbidden)
		f.Create(ctx, role("reader", rule(reading, "configmaps")))
		mayNow(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, f.As(name), f.Namespace) })
		f.Delete(ctx, role("reader"))
		forbids(ctx, f, "listing ConfigMaps", func() error { return listMaps(ctx, f.As(name), f.Namespace) })
	})

	f.It("authorization/malformed", func(ctx SpecContext) {
		paths := rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}
		MustBeInvalid(f.TryCreate(ctx, role("r", paths)), "rules[0].nonResourceURLs", "namespaced rules cannot apply to non-resource URLs")
		MustBeInvalid(f.TryCreate(ctx, role("r", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}})), "rules[0].verbs")
		MustBeInvalid(f.TryCreate(ctx, role("r", rbacv1.PolicyRule{Resources: []string{"pods"}, Verbs: []string{"get"}})), "rules[0].apiGroups")
		MustBeInvalid(f.TryCreate(ctx, role("r", rbacv1.PolicyRule{APIGroups: []string{""}, Verbs: []string{"get"}})), "rules[0].resources")
		paths.Resources = []string{"pods"}
		MustBeInvalid(f.DryCreate(ctx, clusterRole(f.Namespace, paths)), "rules[0].nonResourceURLs")
		MustBeInvalid(f.TryCreate(ctx, bind("Pod", "r", user("u"))), "roleRef.kind")
		MustBeInvalid(f.TryCreate(ctx, bind("Role", "r", rbacv1.Subject{Kind: "Robot", Name: "u"})), "subjects[0].kind")
		MustBeInvalid(f.DryCreate(ctx, bindEverywhere(f.Namespace, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "u"})), "subjects[0].namespace")
		// A binding may leave open the group of users and groups.
		binding := bind("Role", "r", rbacv1.Subject{Kind: rbacv1.UserKind, Name: "u"}, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "s", Namespace: "n"})
		f.Create(ctx, binding)
		Expect(binding.Subjects[0].APIGroup).To(Equal(rbacv1.GroupName))
		Expect(binding.Subjects[1].APIGroup).To(BeEmpty())
	})
})
