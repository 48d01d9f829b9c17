package configuration

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// all describes the variables of a whole ConfigMap.
func all(name string) corev1.EnvFromSource {
	return corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: called(name)}}
}

// fromFile describes a variable that takes a key of a file in a volume.
func fromFile(name, volume, path, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FileKeyRef: &corev1.FileKeySelector{VolumeName: volume, Path: path, Key: key}}}
}

// amount describes a variable that takes a resource of the container.
func amount(name, what, divisor string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: what, Divisor: resource.MustParse(divisor)}}}
}

// waits is the condition that the pod's container waits with CreateContainerConfigError and a message with every part.
func waits(parts ...string) func([]*corev1.Pod) bool {
	return func(pods []*corev1.Pod) bool {
		return len(pods) == 1 && waitsFor(pods[0], parts...)
	}
}

func waitsFor(pod *corev1.Pod, parts ...string) bool {
	waiting := Status(pod, "main").State.Waiting
	if waiting == nil || waiting.Reason != "CreateContainerConfigError" {
		return false
	}
	for _, part := range parts {
		if !strings.Contains(waiting.Message, part) {
			return false
		}
	}
	return true
}

var _ = Describe("variables", func() {
	f := New()

	f.It("configuration/environment-order", func(ctx SpecContext) {
		f.Create(ctx, configMap("first", map[string]string{"A": "first", "B": "first", "C": "first"}), configMap("second", map[string]string{"B": "second", "C": "second"}))
		pod := Once("vars", "env")
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{all("first"), all("second")}
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "C", Value: "own"}, {Name: "D", Value: "$(B) and $(C)"}}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		log := "\n" + f.Logs(ctx, "vars", corev1.PodLogOptions{})
		for _, line := range []string{"A=first", "B=second", "C=own", "D=second and own"} {
			Expect(log).To(ContainSubstring("\n" + line + "\n"))
		}
	})

	f.It("configuration/any-key", func(ctx SpecContext) {
		f.Create(ctx, configMap("keys", map[string]string{"with.dot": "1", "with-dash": "2", "3rd": "3"}))
		pod := Once("vars", "env")
		prefixed := all("keys")
		prefixed.Prefix = "a.b-"
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{all("keys"), prefixed}
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "own name: %", Value: "4"}}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		log := "\n" + f.Logs(ctx, "vars", corev1.PodLogOptions{})
		for _, line := range []string{"with.dot=1", "with-dash=2", "3rd=3", "a.b-with.dot=1", "a.b-3rd=3", "own name: %=4"} {
			Expect(log).To(ContainSubstring("\n" + line + "\n"))
		}
		wrong := Once("wrong", "env")
		wrong.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A=B", Value: "1"}}
		MustBeInvalid(f.DryCreate(ctx, wrong), "spec.containers[0].env[0].name")
	})

	f.It("configuration/missing-key", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "needy")
		settings := configMap("settings", map[string]string{"size": "large"})
		f.Create(ctx, settings)
		pod := Once("needy", "env")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{fromMap("COLOR", "settings", "color")}
		f.Create(ctx, pod)
		watched.MustReach(ctx, "it waits for the key", waits("couldn't find key color in ConfigMap "+f.Namespace+"/settings"))
		f.WaitEvent(ctx, pod, "Failed")
		f.Patch(ctx, settings, `{"data":{"color":"red"}}`)
		f.WaitPodSucceeded(ctx, "needy")
		Expect(f.Logs(ctx, "needy", corev1.PodLogOptions{})).To(ContainSubstring("COLOR=red\n"))
		easy := Once("easy", "env")
		variable := fromMap("SHAPE", "settings", "shape")
		variable.ValueFrom.ConfigMapKeyRef.Optional = ptr.To(true)
		easy.Spec.Containers[0].Env = []corev1.EnvVar{variable}
		f.Create(ctx, easy)
		f.WaitPodSucceeded(ctx, "easy")
		Expect(f.Logs(ctx, "easy", corev1.PodLogOptions{})).NotTo(ContainSubstring("SHAPE="))
	})

	f.It("configuration/missing-whole", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		needsMap, needsSecret := Once("needs-map", "env"), Once("needs-secret", "env")
		needsMap.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{all("settings")}
		needsSecret.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: called("settings")}}}
		f.Create(ctx, needsMap, needsSecret)
		for pod, message := range map[*corev1.Pod]string{needsMap: `configmap "settings" not found`, needsSecret: `secret "settings" not found`} {
			watched.MustReach(ctx, pod.Name+" waits", func(pods []*corev1.Pod) bool {
				return len(Where(pods, Is(pod), func(p *corev1.Pod) bool { return waitsFor(p, message) })) == 1
			})
		}
		f.Create(ctx, configMap("settings", map[string]string{"COLOR": "red"}), secret("settings", map[string]string{"COLOR": "blue"}))
		for name, color := range map[string]string{"needs-map": "red", "needs-secret": "blue"} {
			f.WaitPodSucceeded(ctx, name)
			Expect(f.Logs(ctx, name, corev1.PodLogOptions{})).To(ContainSubstring("COLOR=" + color + "\n"))
		}
	})

	f.It("configuration/environment-fixed", func(ctx SpecContext) {
		settings := configMap("settings", map[string]string{"color": "red"})
		f.Create(ctx, settings)
		watched := f.WatchPod(ctx, "holder")
		pod := Pod("holder", "sh", "env; sleep 1h")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{fromMap("COLOR", "settings", "color")}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "holder")
		f.WaitLog(ctx, "holder", "main", "COLOR=red")
		f.Patch(ctx, settings, `{"data":{"color":"blue"}}`)
		watched.MustNever(ctx, "it is restarted", func(pods []*corev1.Pod) bool { return len(pods) == 1 && Status(pods[0], "main").RestartCount > 0 }, Quiet)
		Expect(f.MustExec(ctx, "holder", "", "/tool", "env")).To(ContainSubstring("COLOR=red"), "the variables of what runs stay")
		f.MustExec(ctx, "holder", "", "/tool", "kill", "TERM", "1")
		watched.MustReach(ctx, "it was restarted and runs", func(pods []*corev1.Pod) bool {
			return len(pods) == 1 && Status(pods[0], "main").RestartCount == 1 && Ready(pods[0])
		})
		// A kubelet may know the old ConfigMap for a while; the next start has the new one at the latest.
		f.WaitUntil(ctx, "a restarted container has the changed value", VolumeSyncTimeout, func(ctx context.Context) (bool, string) {
			output, err := f.TryExec(ctx, "holder", "", nil, "/tool", "sh", "env")
			if err != nil {
				return false, err.Error()
			}
			if strings.Contains(output.Stdout, "COLOR=blue") {
				return true, ""
			}
			_, _ = f.TryExec(ctx, "holder", "", nil, "/tool", "kill", "TERM", "1")
			return false, output.Stdout
		})
	})

	f.It("configuration/large-environment", func(ctx SpecContext) {
		const each, n = 100_000, 9
		data := map[string]string{}
		script := "echo begin"
		for i := range n {
			data[fmt.Sprintf("PART_%d", i)] = strings.Repeat("x", each+i)
			script += fmt.Sprintf("; env-size PART_%d", i)
		}
		f.Create(ctx, configMap("large", data))
		pod := Once("vars", "sh", script)
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{all("large")}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		want := "begin\n"
		for i := range n {
			want += fmt.Sprintln(each + i)
		}
		Expect(f.Logs(ctx, "vars", corev1.PodLogOptions{})).To(Equal(want))
	})

	f.It("configuration/resource-fields", func(ctx SpecContext) {
		pod := Once("vars", "env")
		main := &pod.Spec.Containers[0]
		main.Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("15m"), corev1.ResourceMemory: resource.MustParse("33Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("5M")},
			Limits:   corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("2500k")},
		}
		main.Resources.Requests[corev1.ResourceEphemeralStorage] = resource.MustParse("1500k")
		main.Env = []corev1.EnvVar{
			amount("CPU", "requests.cpu", "0"), amount("CPU_MILLI", "requests.cpu", "1m"), amount("MEMORY_KI", "requests.memory", "1Ki"), amount("MEMORY_M", "requests.memory", "1M"),
			amount("STORAGE", "requests.ephemeral-storage", "1"), amount("STORAGE_LIMIT_M", "limits.ephemeral-storage", "1M"),
			amount("CPU_LIMIT", "limits.cpu", "1m"), amount("MEMORY_LIMIT", "limits.memory", "1"),
		}
		f.Create(ctx, pod)
		node := &corev1.Node{}
		node.Name = f.WaitPodSucceeded(ctx, "vars").Spec.NodeName
		f.Get(ctx, node)
		log := "\n" + f.Logs(ctx, "vars", corev1.PodLogOptions{})
		for name, value := range map[string]any{
			"CPU": 1, "CPU_MILLI": 15, "MEMORY_KI": 33 * 1024, "MEMORY_M": 35, "STORAGE": 1500000, "STORAGE_LIMIT_M": 3,
			// Without a limit, what the node can give.
			"CPU_LIMIT": node.Status.Allocatable.Cpu().MilliValue(), "MEMORY_LIMIT": node.Status.Allocatable.Memory().Value(),
		} {
			Expect(log).To(ContainSubstring(fmt.Sprintf("\n%s=%v\n", name, value)))
		}
	})

	f.It("configuration/downward-resources", func(ctx SpecContext) {
		pod := Pod("introspective", "sleep", "1h")
		pod.Annotations = map[string]string{"note": "some \"text\"", "another": "1"}
		pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("15m")},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}}
		file := func(path, what, divisor string) corev1.DownwardAPIVolumeFile {
			return corev1.DownwardAPIVolumeFile{Path: path, ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "main", Resource: what, Divisor: resource.MustParse(divisor)}}
		}
		field := func(path, of string) corev1.DownwardAPIVolumeFile {
			return corev1.DownwardAPIVolumeFile{Path: path, FieldRef: &corev1.ObjectFieldSelector{FieldPath: of}, Mode: ptr.To[int32](0o400)}
		}
		mount(pod, "/self", corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			file("cpu", "requests.cpu", "1m"), file("memory", "limits.memory", "1Mi"), field("uid", "metadata.uid"), field("notes", "metadata.annotations"), field("deep/note", "metadata.annotations['note']")}}})
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "introspective")
		cat := func(path string) string { return f.MustExec(ctx, "introspective", "", "/tool", "cat", path) }
		Expect(cat("/self/cpu")).To(Equal("15"))
		Expect(cat("/self/memory")).To(Equal("64"))
		Expect(cat("/self/uid")).To(Equal(string(pod.UID)))
		Expect(cat("/self/notes")).To(And(ContainSubstring("another=\"1\""), ContainSubstring(`note="some \"text\""`)))
		Expect(cat("/self/deep/note")).To(Equal(`some "text"`))
		Expect(f.MustExec(ctx, "introspective", "", "/tool", "stat", "/self/uid")).To(HavePrefix("0400 "))
	})

	f.It("configuration/environment-file", func(ctx SpecContext) {
		pod := Once("vars", "env")
		pod.Spec.Volumes = []corev1.Volume{{Name: "made", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		make := Container("make", "sh", `append /made/deep.env "# comment"; append /made/deep.env "COLOR = 'red'"; append /made/deep.env "WORDS='two words # \n $(NOTHING)'"`)
		make.VolumeMounts = []corev1.VolumeMount{{Name: "made", MountPath: "/made"}}
		pod.Spec.InitContainers = []corev1.Container{make}
		absent, unmade := fromFile("ABSENT", "made", "deep.env", "NONE"), fromFile("UNMADE", "made", "none.env", "COLOR")
		absent.ValueFrom.FileKeyRef.Optional, unmade.ValueFrom.FileKeyRef.Optional = ptr.To(true), ptr.To(true)
		pod.Spec.Containers[0].Env = []corev1.EnvVar{fromFile("PAINT", "made", "deep.env", "COLOR"), fromFile("WORDS", "made", "deep.env", "WORDS"), {Name: "BOTH", Value: "$(PAINT)dish"}, absent, unmade}
		f.Create(ctx, pod)
		if pod.Spec.Containers[0].Env[0].ValueFrom.FileKeyRef == nil {
			Skip("needs the feature EnvFiles: the API server drops the field")
		}
		f.WaitPodSucceeded(ctx, "vars")
		log := "\n" + f.Logs(ctx, "vars", corev1.PodLogOptions{})
		for _, line := range []string{"PAINT=red", `WORDS=two words # \n $(NOTHING)`, "BOTH=reddish"} {
			Expect(log).To(ContainSubstring("\n" + line + "\n"))
		}
		Expect(log).NotTo(Or(ContainSubstring("ABSENT="), ContainSubstring("UNMADE=")))
	})

	f.It("configuration/environment-file-wrong", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		var made []*corev1.Pod
		for name, line := range map[string]string{"unquoted": "COLOR=red", "other-key": "SHAPE='round'", "open": "COLOR='red"} {
			pod := Once(name, "env")
			pod.Spec.Volumes = []corev1.Volume{{Name: "made", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			make := Container("make", "sh", `write /made/env "`+line+`"`)
			make.VolumeMounts = []corev1.VolumeMount{{Name: "made", MountPath: "/made"}}
			pod.Spec.InitContainers = []corev1.Container{make}
			pod.Spec.Containers[0].Env = []corev1.EnvVar{fromFile("COLOR", "made", "env", "COLOR")}
			f.Create(ctx, pod)
			if pod.Spec.Containers[0].Env[0].ValueFrom.FileKeyRef == nil {
				Skip("needs the feature EnvFiles: the API server drops the field")
			}
			made = append(made, pod)
		}
		watched.MustReach(ctx, "none starts, and each says that its configuration is wrong", Exactly(len(made), func(p *corev1.Pod) bool {
			return WaitingReason(p, "main") == "CreateContainerConfigError"
		}))
		for path, message := range map[string]string{"../env": "..", "/env": "relative"} {
			pod := made[0].DeepCopy()
			pod.ObjectMeta = Idle().ObjectMeta
			pod.Spec.Containers[0].Env = []corev1.EnvVar{fromFile("COLOR", "made", path, "COLOR")}
			MustBeInvalid(f.DryCreate(ctx, pod), "spec.containers[0].env[0].valueFrom.fileKeyRef.path", message)
		}
	})

	f.It("configuration/environment-invalid", func(ctx SpecContext) {
		at := "spec.containers[0].env[0].valueFrom"
		both := fromMap("A", "settings", "color")
		both.Value = "too"
		two := fromMap("A", "settings", "color")
		two.ValueFrom.SecretKeyRef = fromSecret("A", "settings", "color").ValueFrom.SecretKeyRef
		unknown := corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.phase"}}}
		for _, wrong := range []struct {
			variable corev1.EnvVar
			field    string
		}{
			{both, at}, {two, at}, {corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{}}, at}, {unknown, at + ".fieldRef.fieldPath"},
			{amount("A", "requests.pods", "1"), at + ".resourceFieldRef.resource"}, {amount("A", "limits.cpu", "3m"), at + ".resourceFieldRef.divisor"},
		} {
			By(fmt.Sprintf("%v", wrong.variable))
			pod := Idle()
			pod.Spec.Containers[0].Env = []corev1.EnvVar{wrong.variable}
			MustBeInvalid(f.DryCreate(ctx, pod), wrong.field)
		}
	})

	f.It("configuration/immutable-in-pods", func(ctx SpecContext) {
		c, s := configMap("fixed", map[string]string{"color": "red"}), secret("fixed", map[string]string{"word": "s3cr3t"})
		c.Immutable, s.Immutable = ptr.To(true), ptr.To(true)
		f.Create(ctx, c, s)
		pod := Pod("reader", "sleep", "1h")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{fromMap("COLOR", "fixed", "color"), fromSecret("WORD", "fixed", "word")}
		mount(pod, "/map", mapVolume("fixed"))
		mount(pod, "/secret", secretVolume("fixed"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		Expect(f.MustExec(ctx, "reader", "", "/tool", "sh", "cat /map/color; echo; cat /secret/word")).To(Equal("red\ns3cr3t"))
		Expect(f.MustExec(ctx, "reader", "", "/tool", "env")).To(And(ContainSubstring("COLOR=red"), ContainSubstring("WORD=s3cr3t")))
	})
})
