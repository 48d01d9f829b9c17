package podsecurity

import (
	"context"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

const prefix = "pod-security.kubernetes.io/"

func namespace(labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{}}}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		ns.Labels[prefix+key] = value
	}
	return ns
}

func pod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
	for _, f := range change {
		f(p)
	}
	return p
}

func privileged(p *corev1.Pod) {
	p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
}

const violations = `allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ` +
	`unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ` +
	`runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ` +
	`seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`

// judge runs the plugin and returns its warnings and its refusal.
func judge(t *testing.T, config string, r admissiontest.Request, have ...runtime.Object) ([]string, error) {
	t.Helper()
	p, err := New(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset(have...)
	p.SetExternalKubeClientSet(client)
	p.SetExternalKubeInformerFactory(informers.NewSharedInformerFactory(client, 0)) // never started: it asks the API
	p.SetReadyFunc(func() bool { return true })
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	w := &warnings{}
	err = p.Validate(warning.WithWarningRecorder(context.Background(), w), r.Attributes(t), nil)
	return w.texts, err
}

type warnings struct{ texts []string }

func (w *warnings) AddWarning(_, text string) { w.texts = append(w.texts, text) }

func TestPods(t *testing.T) {
	const forbidden = `pods "p" is forbidden: violates PodSecurity `
	const config = `
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {enforce: baseline}
exemptions: {usernames: [root], namespaces: [free], runtimeClasses: [vm]}
`
	for name, c := range map[string]struct {
		config    string
		namespace *corev1.Namespace
		pod       *corev1.Pod
		user      string
		refusal   string
		warnings  []string
	}{
		"no label":               {"", namespace(), pod(privileged), "", "", nil},
		"privileged":             {"", namespace("enforce=privileged"), pod(privileged), "", "", nil},
		"baseline allows":        {"", namespace("enforce=baseline"), pod(), "", "", nil},
		"baseline":               {"", namespace("enforce=baseline"), pod(privileged), "", forbidden + `"baseline:latest": privileged (container "c" must not set securityContext.privileged=true)`, nil},
		"restricted":             {"", namespace("enforce=restricted"), pod(), "", forbidden + `"restricted:latest": ` + violations, nil},
		"a version":              {"", namespace("enforce=baseline", "enforce-version=v1.20"), pod(privileged), "", forbidden + `"baseline:v1.20": privileged (container "c" must not set securityContext.privileged=true)`, nil},
		"a warning":              {"", namespace("warn=restricted"), pod(), "", "", []string{`would violate PodSecurity "restricted:latest": ` + violations}},
		"audit is silent":        {"", namespace("audit=restricted"), pod(), "", "", nil},
		"refused, no warning":    {"", namespace("enforce=restricted", "warn=restricted"), pod(), "", forbidden + `"restricted:latest": ` + violations, nil},
		"the default is default": {config, namespace(), pod(privileged), "", forbidden + `"baseline:latest": privileged (container "c" must not set securityContext.privileged=true)`, nil},
		"an exempt user":         {config, namespace(), pod(privileged), "root", "", nil},
		"an exempt class": {config, namespace(), pod(privileged, func(p *corev1.Pod) { p.Spec.RuntimeClassName = ptr.To("vm") }),
			"", "", nil},
		"an exempt namespace": {config, namespace(), pod(privileged, func(p *corev1.Pod) { p.Namespace = "free" }), "", "", nil},
	} {
		warnings, err := judge(t, c.config, admissiontest.Request{Object: c.pod, Resource: "pods", User: c.user}, c.namespace)
		if got := admissiontest.Message(err); got != c.refusal {
			t.Errorf("%s: got %q, wanted %q", name, got, c.refusal)
		}
		if err != nil && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %T is no 403", name, err)
		}
		if !slices.Equal(warnings, c.warnings) {
			t.Errorf("%s: got warnings %q, wanted %q", name, warnings, c.warnings)
		}
	}
}

func TestWorkloadsAreWarnedOf(t *testing.T) {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "d"}}
	deployment.Spec.Template.Spec = pod().Spec
	warnings, err := judge(t, "", admissiontest.Request{Object: deployment, Resource: "deployments"}, namespace("enforce=restricted", "warn=restricted"))
	if want := []string{`would violate PodSecurity "restricted:latest": ` + violations}; err != nil || !slices.Equal(warnings, want) {
		t.Errorf("got %v and %q, wanted %q", err, warnings, want)
	}
}

func TestNamespaces(t *testing.T) {
	second := pod(privileged)
	second.Name = "q"
	for name, c := range map[string]struct {
		old, now *corev1.Namespace
		refusal  string
		warnings []string
	}{
		"created":         {nil, namespace("enforce=restricted"), "", nil},
		"no such level":   {nil, namespace("enforce=strict"), `Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted`, nil},
		"no such version": {nil, namespace("warn=baseline", "warn-version=1.20"), `Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.20": must be "latest" or "v1.x"`, nil},
		"still wrong":     {namespace("enforce=strict"), namespace("enforce=strict"), "", nil},
		"tightened": {namespace(), namespace("enforce=baseline"), "", []string{
			`existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"`, `q: privileged`}},
		"relaxed": {namespace("enforce=restricted"), namespace("enforce=baseline"), "", nil},
		"warning": {namespace(), namespace("warn=baseline"), "", nil},
	} {
		r := admissiontest.Request{Object: c.now, Resource: "namespaces"}
		if c.old != nil {
			r.Old, r.Operation = c.old, admission.Update
		}
		warnings, err := judge(t, "", r, c.now, pod(), second)
		if got := admissiontest.Message(err); got != c.refusal {
			t.Errorf("%s: got %q, wanted %q", name, got, c.refusal)
		}
		if err != nil && !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v is no 422", name, err)
		}
		if !slices.Equal(warnings, c.warnings) {
			t.Errorf("%s: got warnings %q, wanted %q", name, warnings, c.warnings)
		}
	}
}

func TestConfigurationErrors(t *testing.T) {
	if _, err := New(strings.NewReader("kind: Other")); err == nil {
		t.Error("a configuration of another kind was taken")
	}
}
