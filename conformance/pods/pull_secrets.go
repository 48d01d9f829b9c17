package pods

import (
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("private images", func() {
	f := New()

	// private starts a registry whose repositories below private/ are for alice alone.
	private := func(ctx SpecContext) *Registry {
		return f.Registry(ctx, f.Path("private")+"=alice:wonderland")
	}
	failed := func(ctx SpecContext, pod *corev1.Pod, image string) {
		GinkgoHelper()
		message := f.WaitEvent(ctx, pod, "Failed").Message
		Expect(message).To(HavePrefix(`Failed to pull image "` + image + `": `))
	}

	f.It("pods/image-pull-secret", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		pod := registry.Pod("reader", "private/x", "alice")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
		Expect(f.MustExec(ctx, "reader", "main", "/tool", "cat", "/repository")).To(Equal(f.Path("private/x")))
		Expect(f.WaitEvent(ctx, pod, "Pulled").Message).To(HavePrefix(`Successfully pulled image "` + registry.Image("private/x") + `" in `))
		Expect(registry.Asked(ctx, "private/x")).To(ContainElement(HaveSuffix(`as "alice": 200`)))
	})

	f.It("pods/image-pull-secret-later", func(ctx SpecContext) {
		registry := private(ctx)
		watched := f.WatchPod(ctx, "reader")
		pod := registry.Pod("reader", "private/x", "alice")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image is refused", one(waiting("main", "ErrImagePull")))
		failed(ctx, pod, registry.Image("private/x"))
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		watched.MustReach(ctx, "it is ready", one(Ready))
	})

	f.It("pods/image-pull-secret-wrong", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "looking-glass"))
		watched := f.WatchPod(ctx, "reader")
		pod := registry.Pod("reader", "private/x", "alice")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image is refused", one(waiting("main", "ErrImagePull")))
		seen := watched.MustReach(ctx, "it waits before the next try", one(waiting("main", "ImagePullBackOff")))[0]
		Expect(Status(seen, "main").State.Waiting.Message).To(HavePrefix(`Back-off pulling image "` + registry.Image("private/x") + `": ErrImagePull: `))
		failed(ctx, pod, registry.Image("private/x"))
		Expect(registry.Asked(ctx, "private/x")).NotTo(ContainElement(HaveSuffix(": 200")))
	})

	f.It("pods/image-pull-secret-dockercfg", func(ctx SpecContext) {
		registry := private(ctx)
		text, err := json.Marshal(map[string]any{registry.Host: map[string]string{"username": "alice", "password": "wonderland", "email": "a@example.org"}})
		Expect(err).NotTo(HaveOccurred())
		f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice"}, Type: corev1.SecretTypeDockercfg,
			Data: map[string][]byte{corev1.DockerConfigKey: text}})
		f.Create(ctx, registry.Pod("reader", "private/x", "alice"))
		f.WaitPodReady(ctx, "reader")
	})

	f.It("pods/image-pull-secret-of-service-account", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		f.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "builder"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "alice"}}})
		pod := registry.Pod("reader", "private/x")
		pod.Spec.ServiceAccountName = "builder"
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "reader")
	})

	f.It("pods/image-pull-secrets-in-turn", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("old", registry.Host, "alice", "looking-glass"), Login("elsewhere", "registry.example", "bob", "builder"),
			Login("alice", registry.Host, "alice", "wonderland"))
		f.Create(ctx, registry.Pod("reader", "private/x", "old", "elsewhere", "alice"))
		f.WaitPodReady(ctx, "reader")
		Expect(registry.Asked(ctx, "private/x")).NotTo(ContainElement(ContainSubstring("bob")), "the registry was told another's login")
	})

	f.It("pods/image-pull-secret-path", func(ctx SpecContext) {
		registry := f.Registry(ctx, f.Path("a")+"=alice:wonderland", f.Path("b")+"=bob:builder")
		f.Create(ctx, Login("alice", registry.Host+"/"+f.Path("a"), "alice", "wonderland"), Login("bob", registry.Host+"/"+f.Path("b"), "bob", "builder"))
		f.Create(ctx, registry.Pod("of-a", "a/x", "bob", "alice"), registry.Pod("of-b", "b/x", "bob", "alice"))
		f.WaitPodReady(ctx, "of-a")
		f.WaitPodReady(ctx, "of-b")
		for repository, other := range map[string]string{"a/x": "bob", "b/x": "alice"} {
			Expect(registry.Asked(ctx, repository)).NotTo(ContainElement(ContainSubstring(other)), "the login is for another path")
		}
	})

	f.It("pods/image-pull-secret-wildcard", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", strings.Replace(registry.Host, "127.0.0.1:", "127.*.0.1:", 1), "alice", "wonderland"))
		f.Create(ctx, registry.Pod("reader", "private/x", "alice"))
		f.WaitPodReady(ctx, "reader")
	})

	f.It("pods/image-appears", func(ctx SpecContext) {
		registry := f.Registry(ctx)
		watched := f.WatchPod(ctx, "reader")
		pod := registry.Pod("reader", "x")
		pod.Spec.Containers[0].Image = registry.Host + "/later/" + f.Namespace + ":v1"
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image is not there", one(waiting("main", "ErrImagePull")))
		watched.MustReach(ctx, "it waits before the next try", one(waiting("main", "ImagePullBackOff")))
		f.MustExec(ctx, "registry", "main", "/tool", "write", "/tmp/later", "now")
		after := watched.MustReach(ctx, "it is ready", one(Ready))[0]
		Expect(Status(after, "main").RestartCount).To(BeZero())
	})

	f.It("pods/image-always-asked-for", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		f.Create(ctx, registry.Pod("first", "private/x", "alice"))
		f.WaitPodReady(ctx, "first")
		before := len(registry.Asked(ctx, "private/x"))
		second := registry.Pod("second", "private/x", "alice")
		second.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways
		f.Create(ctx, second)
		f.WaitPodReady(ctx, "second")
		Expect(len(registry.Asked(ctx, "private/x"))).To(BeNumerically(">", before), "the registry was not asked")
		third := registry.Pod("third", "private/x")
		third.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways
		watched := f.WatchPod(ctx, "third")
		f.Create(ctx, third)
		watched.MustReach(ctx, "its image is refused", one(waiting("main", "ErrImagePull")))
	})

	f.It("pods/image-private-not-for-others", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		f.Create(ctx, registry.Pod("first", "private/x", "alice"))
		f.WaitPodReady(ctx, "first")
		watched := f.WatchPod(ctx, "second")
		second := registry.Pod("second", "private/x")
		second.Spec.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
		f.Create(ctx, second)
		watched.MustReach(ctx, "it may not use the image", one(waiting("main", "ErrImagePull")))
		failed(ctx, second, registry.Image("private/x"))
	})

	f.It("pods/image-private-never-pulled", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"))
		f.Create(ctx, registry.Pod("first", "private/x", "alice"))
		f.WaitPodReady(ctx, "first")
		with, without := registry.Pod("with", "private/x", "alice"), registry.Pod("without", "private/x")
		for _, pod := range []*corev1.Pod{with, without} {
			pod.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
		}
		watched := f.WatchPod(ctx, "without")
		f.Create(ctx, with, without)
		f.WaitPodReady(ctx, "with")
		watched.MustReach(ctx, "it may not use the image", one(waiting("main", "ErrImageNeverPull")))
	})

	f.It("pods/image-private-same-login", func(ctx SpecContext) {
		registry := private(ctx)
		f.Create(ctx, Login("alice", registry.Host, "alice", "wonderland"), Login("copy", registry.Host, "alice", "wonderland"))
		f.Create(ctx, registry.Pod("first", "private/x", "alice"))
		f.WaitPodReady(ctx, "first")
		before := registry.Asked(ctx, "private/x")
		second := registry.Pod("second", "private/x", "copy")
		f.Create(ctx, second)
		f.WaitPodReady(ctx, "second")
		Expect(f.WaitEvent(ctx, second, "Pulled").Message).To(ContainSubstring("already present on machine"))
		Expect(registry.Asked(ctx, "private/x")).To(Equal(before), "the registry was asked although the login is known to be good")
	})

	f.It("pods/image-public-for-all", func(ctx SpecContext) {
		registry := f.Registry(ctx)
		f.Create(ctx, registry.Pod("first", "x"))
		f.WaitPodReady(ctx, "first")
		before := registry.Asked(ctx, "x")
		second := registry.Pod("second", "x")
		f.Create(ctx, second)
		f.WaitPodReady(ctx, "second")
		Expect(f.WaitEvent(ctx, second, "Pulled").Message).To(ContainSubstring("already present on machine"))
		Expect(registry.Asked(ctx, "x")).To(Equal(before))
	})
})
