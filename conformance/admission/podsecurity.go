package admission

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

const violations = `allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false), ` +
	`unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), ` +
	`runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), ` +
	`seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`

// chooses labels the spec's namespace with levels, such as enforce=baseline, and waits until they count:
// a pod in the host's network is refused or, where the level is only to be warned of, warned of.
func chooses(ctx context.Context, f *Framework, labels string) {
	GinkgoHelper()
	client, heard := listen(f)
	f.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}}, `{"metadata":{"labels":`+labels+`}}`)
	probe := Pod("probe")
	probe.Spec.HostNetwork = true
	f.WaitUntil(ctx, "the levels "+labels+" count", SettleTimeout, func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().Pods(f.Namespace).Create(ctx, probe, dryRun)
		return err != nil || heard.take() != "", "a pod in the host's network was accepted silently"
	})
}

var _ = Describe("pod security", func() {
	f := New()
	create := func(ctx context.Context, pod *corev1.Pod) error {
		_, err := f.API.CoreV1().Pods(f.Namespace).Create(ctx, pod, dryRun)
		return err
	}

	f.It("admission/pod-security-enforced", func(ctx SpecContext) {
		chooses(ctx, f, `{"pod-security.kubernetes.io/enforce":"restricted"}`)
		MustRefuse(create(ctx, Pod("p")), http.StatusForbidden, `pods "p" is forbidden: violates PodSecurity "restricted:latest": `+violations)
	})

	f.It("admission/pod-security-baseline", func(ctx SpecContext) {
		chooses(ctx, f, `{"pod-security.kubernetes.io/enforce":"baseline"}`)
		privileged := Pod("privileged")
		privileged.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
		MustRefuse(create(ctx, privileged), http.StatusForbidden, `violates PodSecurity "baseline:latest": privileged (container "main" must not set securityContext.privileged=true)`)
		host := Pod("host")
		host.Spec.HostPID, host.Spec.HostIPC = true, true
		MustRefuse(create(ctx, host), http.StatusForbidden, `host namespaces (hostPID=true, hostIPC=true)`)
		Expect(create(ctx, Pod("ordinary"))).To(Succeed())
	})

	f.It("admission/pod-security-restricted-allows", func(ctx SpecContext) {
		chooses(ctx, f, `{"pod-security.kubernetes.io/enforce":"restricted"}`)
		pod := Pod("modest")
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
		Expect(create(ctx, pod)).To(Succeed())
	})

	f.It("admission/pod-security-version", func(ctx SpecContext) {
		chooses(ctx, f, `{"pod-security.kubernetes.io/enforce":"restricted","pod-security.kubernetes.io/enforce-version":"v1.24"}`)
		MustRefuse(create(ctx, Pod("p")), http.StatusForbidden, `violates PodSecurity "restricted:v1.24": `)
	})

	f.It("admission/pod-security-warns", func(ctx SpecContext) {
		chooses(ctx, f, `{"pod-security.kubernetes.io/warn":"restricted"}`)
		client, heard := listen(f)
		_, err := client.CoreV1().Pods(f.Namespace).Create(ctx, Pod("p"), dryRun)
		Expect(err).NotTo(HaveOccurred())
		Expect(heard.take()).To(Equal(`would violate PodSecurity "restricted:latest": ` + violations))
		labels := map[string]string{"app": "d"}
		template := Pod("d")
		_, err = client.AppsV1().Deployments(f.Namespace).Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d"},
			Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: template.Spec}}}, dryRun)
		Expect(err).NotTo(HaveOccurred())
		Expect(heard.take()).To(Equal(`would violate PodSecurity "restricted:latest": ` + violations))
	})

	f.It("admission/pod-security-existing-pods", func(ctx SpecContext) {
		gated := Pod("early") // no node needs to run it
		gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "conformance.etalon.dev/never"}}
		f.Create(ctx, gated)
		client, heard := listen(f)
		_, err := client.CoreV1().Namespaces().Patch(ctx, f.Namespace, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(heard.take()).To(Equal(`existing pods in namespace "` + f.Namespace + `" violate the new PodSecurity enforce level "restricted:latest"` + "\n" +
			"early: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"))
		uid := gated.UID
		f.Get(ctx, gated)
		Expect(gated.UID).To(Equal(uid))
		Expect(gated.DeletionTimestamp).To(BeNil())
	})

	f.It("admission/pod-security-labels", func(ctx SpecContext) {
		for label, value := range map[string]string{"enforce": "strict", "warn-version": "1.25", "audit": ""} {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "etalon-admission-", Labels: map[string]string{"pod-security.kubernetes.io/" + label: value}}}
			_, err := f.API.CoreV1().Namespaces().Create(ctx, ns, dryRun)
			MustBeInvalid(err, "metadata.labels[pod-security.kubernetes.io/"+label+"]")
		}
	})
})
