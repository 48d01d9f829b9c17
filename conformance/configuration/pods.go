package configuration

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// called is a reference by name.
func called(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

// fromMap describes a variable that takes a key of a ConfigMap.
func fromMap(variable, name, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: called(name), Key: key}}}
}

// fromSecret describes a variable that takes a key of a Secret.
func fromSecret(variable, name, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: called(name), Key: key}}}
}

// mount gives the pod's first container a volume at a path.
func mount(pod *corev1.Pod, path string, source corev1.VolumeSource) {
	name := "v" + string(rune('a'+len(pod.Spec.Volumes)))
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	main := &pod.Spec.Containers[0]
	main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
}

// mapVolume is a volume of a ConfigMap.
func mapVolume(name string, items ...corev1.KeyToPath) corev1.VolumeSource {
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: called(name), Items: items}}
}

// secretVolume is a volume of a Secret.
func secretVolume(name string) corev1.VolumeSource {
	return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}
}

// visible lists the names that `tool ls` printed without those of the volume's own machinery.
func visible(listing string) []string {
	return slices.DeleteFunc(strings.Fields(listing), func(name string) bool { return strings.HasPrefix(name, "..") })
}

var _ = Describe("ConfigMaps and Secrets in pods", func() {
	f := New()

	f.It("configuration/config-map-environment", func(ctx SpecContext) {
		f.Create(ctx, configMap("settings", map[string]string{"COLOR": "red", "size": "two words"}))
		pod := Once("vars", "sh", "echo $(MY_COLOR); env")
		main := &pod.Spec.Containers[0]
		main.Env = []corev1.EnvVar{fromMap("MY_COLOR", "settings", "COLOR"), {Name: "P_size", Value: "env wins over envFrom"}}
		main.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: called("settings")}},
			{Prefix: "P_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: called("settings")}}}
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "vars")
		Expect(f.Logs(ctx, "vars", corev1.PodLogOptions{})).To(And(HavePrefix("red\n"), ContainSubstring("MY_COLOR=red\n"),
			ContainSubstring("\nCOLOR=red\n"), ContainSubstring("\nsize=two words\n"), ContainSubstring("\nP_COLOR=red\n"), ContainSubstring("\nP_size=env wins over envFrom\n")))
	})

	f.It("configuration/config-map-files", func(ctx SpecContext) {
		settings := configMap("settings", map[string]string{"color": "red", "size": "two\nlines"})
		settings.BinaryData = map[string][]byte{"binary": []byte("\x01\x02")}
		f.Create(ctx, settings)
		pod := Pod("reader", "sleep", "1h")
		mount(pod, "/all", mapVolume("settings"))
		mount(pod, "/some", mapVolume("settings", corev1.KeyToPath{Key: "color", Path: "deep/paint", Mode: ptr.To[int32](0o400)}))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		run := func(command ...string) Output {
			return f.Exec(ctx, "reader", "", append([]string{"/tool"}, command...)...)
		}
		Expect(run("cat", "/all/color").Stdout).To(Equal("red"))
		Expect(run("cat", "/all/size").Stdout).To(Equal("two\nlines"))
		Expect(run("cat", "/all/binary").Stdout).To(Equal("\x01\x02"))
		Expect(run("stat", "/all/color").Stdout).To(HavePrefix("0644 "))
		Expect(run("cat", "/some/deep/paint").Stdout).To(Equal("red"))
		Expect(run("stat", "/some/deep/paint").Stdout).To(HavePrefix("0400 "))
		Expect(run("cat", "/some/size").Code).NotTo(BeZero(), "a key that was not asked for is there")
		Expect(run("write", "/all/color", "blue").Code).NotTo(BeZero(), "the volume can be written")
	})

	f.It("configuration/config-map-updates", func(ctx SpecContext) {
		settings := configMap("settings", map[string]string{"one": "1", "two": "1", "old": "1"})
		f.Create(ctx, settings)
		pod := Pod("reader", "sleep", "1h")
		mount(pod, "/settings", mapVolume("settings"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		f.Patch(ctx, settings, `{"data":{"one":"2","two":"2","old":null,"new":"2"}}`)
		f.WaitUntil(ctx, "the files are those of the changed ConfigMap", VolumeSyncTimeout, func(ctx context.Context) (bool, string) {
			output, err := f.TryExec(ctx, "reader", "", nil, "/tool", "sh", "cat /settings/one /settings/two; echo; ls /settings")
			if err != nil {
				return false, err.Error()
			}
			content, listing, _ := strings.Cut(output.Stdout, "\n")
			return content == "22" && slices.Equal(visible(listing), []string{"new", "one", "two"}), output.Stdout
		})
		Expect(Status(f.WaitPodReady(ctx, "reader"), "main").RestartCount).To(BeZero())
	})

	f.It("configuration/missing-for-environment", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		needsMap, needsSecret := Once("needs-map", "env"), Once("needs-secret", "env")
		needsMap.Spec.Containers[0].Env = []corev1.EnvVar{fromMap("COLOR", "settings", "color")}
		needsSecret.Spec.Containers[0].Env = []corev1.EnvVar{fromSecret("COLOR", "settings", "color")}
		f.Create(ctx, needsMap, needsSecret)
		watched.MustReach(ctx, "both wait", Exactly(2, func(p *corev1.Pod) bool { return WaitingReason(p, "main") == "CreateContainerConfigError" }))
		f.Create(ctx, configMap("settings", map[string]string{"color": "red"}), secret("settings", map[string]string{"color": "red"}))
		for _, name := range []string{"needs-map", "needs-secret"} {
			f.WaitPodSucceeded(ctx, name)
			Expect(f.Logs(ctx, name, corev1.PodLogOptions{})).To(ContainSubstring("COLOR=red\n"))
		}
	})

	f.It("configuration/missing-for-volume", func(ctx SpecContext) {
		watched := f.WatchPods(ctx, "")
		needsMap, needsSecret := Pod("needs-map", "sleep", "1h"), Pod("needs-secret", "sleep", "1h")
		mount(needsMap, "/settings", mapVolume("settings"))
		mount(needsSecret, "/settings", secretVolume("settings"))
		f.Create(ctx, needsMap, needsSecret)
		f.WaitEvent(ctx, needsMap, "FailedMount")
		f.WaitEvent(ctx, needsSecret, "FailedMount")
		watched.MustNever(ctx, "one starts", func(pods []*corev1.Pod) bool { return len(Where(pods, Running)) > 0 }, Quiet)
		f.Create(ctx, configMap("settings", map[string]string{"color": "red"}), secret("settings", map[string]string{"color": "red"}))
		for _, name := range []string{"needs-map", "needs-secret"} {
			f.WaitPodReady(ctx, name)
			Expect(f.MustExec(ctx, name, "", "/tool", "cat", "/settings/color")).To(Equal("red"))
		}
	})

	f.It("configuration/optional", func(ctx SpecContext) {
		pod := Pod("easy-going", "sleep", "1h")
		variable := fromMap("COLOR", "none-such", "color")
		variable.ValueFrom.ConfigMapKeyRef.Optional = ptr.To(true)
		pod.Spec.Containers[0].Env = []corev1.EnvVar{variable}
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: called("none-such"), Optional: ptr.To(true)}}}
		volume := mapVolume("none-such")
		volume.ConfigMap.Optional = ptr.To(true)
		mount(pod, "/settings", volume)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "easy-going")
		Expect(visible(f.MustExec(ctx, "easy-going", "", "/tool", "ls", "/settings"))).To(BeEmpty())
		Expect(f.MustExec(ctx, "easy-going", "", "/tool", "env")).NotTo(ContainSubstring("COLOR="))
	})

	f.It("configuration/secret-in-pods", func(ctx SpecContext) {
		f.Create(ctx, secret("credentials", map[string]string{"USER": "me", "password": "s3cr3t\n"}))
		pod := Pod("holder", "sleep", "1h")
		pod.Spec.Containers[0].Env = []corev1.EnvVar{fromSecret("MY_USER", "credentials", "USER")}
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{Prefix: "P_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: called("credentials")}}}
		mount(pod, "/credentials", secretVolume("credentials"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "holder")
		// Not MustExec, which trims: variables come in any order, and the last one's line end counts too.
		Expect(f.Exec(ctx, "holder", "", "/tool", "env").Stdout).To(And(ContainSubstring("MY_USER=me\n"), ContainSubstring("P_USER=me\n"), ContainSubstring("P_password=s3cr3t\n")))
		Expect(f.Exec(ctx, "holder", "", "/tool", "cat", "/credentials/password").Stdout).To(Equal("s3cr3t\n"))
		Expect(visible(f.MustExec(ctx, "holder", "", "/tool", "ls", "/credentials"))).To(Equal([]string{"USER", "password"}))
	})

	f.It("configuration/downward-files", func(ctx SpecContext) {
		pod := Pod("introspective", "sleep", "1h")
		pod.Labels["color"] = "red"
		file := func(path, field string) corev1.DownwardAPIVolumeFile {
			return corev1.DownwardAPIVolumeFile{Path: path, FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}}
		}
		mount(pod, "/self", corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			file("name", "metadata.name"), file("namespace", "metadata.namespace"), file("labels", "metadata.labels")}}})
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "introspective")
		cat := func(path string) string { return f.MustExec(ctx, "introspective", "", "/tool", "cat", path) }
		Expect(cat("/self/name")).To(Equal("introspective"))
		Expect(cat("/self/namespace")).To(Equal(f.Namespace))
		Expect(cat("/self/labels")).To(Equal("app=\"introspective\"\ncolor=\"red\""))
		f.Patch(ctx, pod, `{"metadata":{"labels":{"color":"blue"}}}`)
		f.WaitUntil(ctx, "the file has the changed label", VolumeSyncTimeout, func(ctx context.Context) (bool, string) {
			output, err := f.TryExec(ctx, "introspective", "", nil, "/tool", "cat", "/self/labels")
			if err != nil {
				return false, err.Error()
			}
			return strings.Contains(output.Stdout, `color="blue"`), output.Stdout
		})
	})

	f.It("configuration/projected", func(ctx SpecContext) {
		f.Create(ctx, configMap("settings", map[string]string{"color": "red"}), secret("credentials", map[string]string{"password": "s3cr3t"}))
		pod := Pod("mixed", "sleep", "1h")
		mount(pod, "/mixed", corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: called("settings")}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: called("credentials"), Items: []corev1.KeyToPath{{Key: "password", Path: "private/word"}}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "example.com"}},
		}}})
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "mixed")
		Expect(visible(f.MustExec(ctx, "mixed", "", "/tool", "ls", "/mixed"))).To(Equal([]string{"color", "name", "private", "token"}))
		Expect(f.MustExec(ctx, "mixed", "", "/tool", "cat", "/mixed/color", "/mixed/private/word", "/mixed/name")).To(Equal("reds3cr3tmixed"))
		Expect(strings.Split(f.MustExec(ctx, "mixed", "", "/tool", "cat", "/mixed/token"), ".")).To(HaveLen(3), "the token is a JWT")
	})
})
