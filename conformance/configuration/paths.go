package configuration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// inPlaces are all kinds of volumes whose files one may place, with one file at the path.
func inPlaces(path string) map[string]corev1.VolumeSource {
	items := []corev1.KeyToPath{{Key: "k", Path: path}}
	field := []corev1.DownwardAPIVolumeFile{{Path: path, FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}
	sources := map[string]corev1.VolumeSource{
		"configMap":   mapVolume("settings", items...),
		"secret":      {Secret: &corev1.SecretVolumeSource{SecretName: "settings", Items: items}},
		"downwardAPI": {DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: field}},
	}
	for name, projection := range map[string]corev1.VolumeProjection{
		"projected configMap":           {ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: called("settings"), Items: items}},
		"projected secret":              {Secret: &corev1.SecretProjection{LocalObjectReference: called("settings"), Items: items}},
		"projected downwardAPI":         {DownwardAPI: &corev1.DownwardAPIProjection{Items: field}},
		"projected serviceAccountToken": {ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: path}},
	} {
		sources[name] = corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{projection}}}
	}
	return sources
}

var _ = Describe("where files of volumes are placed", func() {
	f := New()

	f.It("configuration/item-paths", func(ctx SpecContext) {
		for _, path := range []string{"..", "../out", "in/../../out", "/etc/passwd", "..data", "..data/k"} {
			for kind, source := range inPlaces(path) {
				pod := Pod("placed", "sleep", "1h")
				mount(pod, "/v", source)
				err := f.DryCreate(ctx, pod)
				Expect(err).To(HaveOccurred(), "%s at %q", kind, path)
				MustRefuse(err, 422, "spec.volumes[0].", "path")
			}
		}
	})

	f.It("configuration/item-odd-paths", func(ctx SpecContext) {
		f.Create(ctx, configMap("settings", map[string]string{"k": "hello"}))
		path := "a b/$(x)/ü'\"; #\n…/..-x/-rf"
		pod := Once("odd", "cat", "/v/"+path)
		mount(pod, "/v", mapVolume("settings", corev1.KeyToPath{Key: "k", Path: path}))
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "odd")
		Expect(f.Logs(ctx, "odd", corev1.PodLogOptions{})).To(Equal("hello"))
	})

	f.It("configuration/in-memory", func(ctx SpecContext) {
		f.Create(ctx, secret("hidden", map[string]string{"k": "hello"}))
		pod := Pod("holder", "sleep", "1h")
		mount(pod, "/secret", secretVolume("hidden"))
		mount(pod, "/token", corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}}})
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "holder")
		mounts := f.MustExec(ctx, "holder", "", "/tool", "cat", "/proc/mounts")
		for _, path := range []string{"/secret", "/token"} {
			Expect(mounts).To(MatchRegexp(`(?m)^\S+ %s tmpfs `, path), "what is mounted at %s", path)
		}
	})
})
