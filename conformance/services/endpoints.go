package services

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// endpoints collects the endpoints of all slices of a Service by their address.
func endpoints(slices []*discoveryv1.EndpointSlice) map[string]discoveryv1.Endpoint {
	all := map[string]discoveryv1.Endpoint{}
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			for _, address := range endpoint.Addresses {
				all[address] = endpoint
			}
		}
	}
	return all
}

// readyAt is the condition that exactly these addresses are ready endpoints.
func readyAt(addresses ...string) func([]*discoveryv1.EndpointSlice) bool {
	return func(slices []*discoveryv1.EndpointSlice) bool {
		ready := 0
		for _, endpoint := range endpoints(slices) {
			if ptr.Deref(endpoint.Conditions.Ready, true) {
				ready++
			}
		}
		for _, address := range addresses {
			endpoint, there := endpoints(slices)[address]
			if !there || !ptr.Deref(endpoint.Conditions.Ready, true) {
				return false
			}
		}
		return ready == len(addresses)
	}
}

// told starts a pod app=web whose readiness the spec decides, and waits until it runs.
func told(ctx context.Context, f *Framework, name string) *corev1.Pod {
	GinkgoHelper()
	pod := Server(name)
	pod.Labels["app"] = "web"
	ReadyWhenTold(&pod.Spec)
	f.Create(ctx, pod)
	return f.WaitPodRunning(ctx, name)
}

var _ = Describe("EndpointSlices", func() {
	f := New()

	f.It("services/endpoint-slices", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		service.Spec.Ports[0].Name = "web"
		f.Create(ctx, service)
		pods := servers(ctx, f, "a", "b")
		reached := slices.MustReach(ctx, "both pods are ready endpoints", readyAt(pods[0].Status.PodIP, pods[1].Status.PodIP))
		for _, slice := range reached {
			Expect(slice.AddressType).To(Equal(discoveryv1.AddressTypeIPv4))
			Expect(slice.Labels).To(HaveKeyWithValue(discoveryv1.LabelServiceName, "web"))
			Expect(slice.Labels).To(HaveKeyWithValue(discoveryv1.LabelManagedBy, "endpointslice-controller.k8s.io"))
			if len(slice.Endpoints) > 0 {
				Expect(slice.Ports).To(Equal([]discoveryv1.EndpointPort{{Name: ptr.To("web"), Port: ptr.To[int32](ServePort), Protocol: ptr.To(corev1.ProtocolTCP)}}))
			}
		}
		for _, pod := range pods {
			endpoint := endpoints(reached)[pod.Status.PodIP]
			Expect(endpoint.Conditions.Serving).To(HaveValue(BeTrue()))
			Expect(endpoint.Conditions.Terminating).To(HaveValue(BeFalse()))
			Expect(endpoint.NodeName).To(HaveValue(Equal(pod.Spec.NodeName)))
			Expect(endpoint.TargetRef).NotTo(BeNil())
			Expect(*endpoint.TargetRef).To(And(HaveField("Kind", "Pod"), HaveField("Namespace", f.Namespace), HaveField("Name", pod.Name), HaveField("UID", pod.UID)))
		}
	})

	f.It("services/slices-are-owned", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		f.Create(ctx, service)
		made := slices.MustReach(ctx, "there is a slice", func(slices []*discoveryv1.EndpointSlice) bool { return len(slices) > 0 })[0]
		Expect(OwnedBy(made, service)).To(BeTrue(), "the owners are %v", made.OwnerReferences)
		f.Delete(ctx, made)
		slices.MustReach(ctx, "it is made again", Exactly(1, func(s *discoveryv1.EndpointSlice) bool { return s.UID != made.UID }))
		f.Delete(ctx, service)
		slices.MustReach(ctx, "there is none", func(slices []*discoveryv1.EndpointSlice) bool { return len(slices) == 0 })
	})

	f.It("services/headless", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		service.Spec.ClusterIP = corev1.ClusterIPNone
		f.Create(ctx, service)
		Expect(service.Spec.ClusterIP).To(Equal("None"))
		Expect(service.Spec.ClusterIPs).To(Equal([]string{"None"}))
		pod := servers(ctx, f, "a")[0]
		reached := slices.MustReach(ctx, "the pod is a ready endpoint", readyAt(pod.Status.PodIP))
		Expect(reached[0].Labels).To(HaveKeyWithValue(corev1.IsHeadlessService, ""))
	})

	f.It("services/unready-leaves", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		f.Create(ctx, service)
		stays := servers(ctx, f, "stays")[0]
		pod := told(ctx, f, "told")
		slices.MustReach(ctx, "it is an endpoint that is not ready", func(slices []*discoveryv1.EndpointSlice) bool {
			endpoint, there := endpoints(slices)[pod.Status.PodIP]
			return there && !ptr.Deref(endpoint.Conditions.Ready, true) && readyAt(stays.Status.PodIP)(slices)
		})
		caller := f.NewCaller(ctx, "caller")
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "stays")
		f.TellReady(ctx, true, "told")
		slices.MustReach(ctx, "both are ready", readyAt(stays.Status.PodIP, pod.Status.PodIP))
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "stays", "told")
		f.TellReady(ctx, false, "told")
		slices.MustReach(ctx, "it is not ready again", readyAt(stays.Status.PodIP))
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "stays")
		Expect(caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 50).Distinct()).To(Equal([]string{"stays"}))
	})

	f.It("services/publish-not-ready", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		service.Spec.PublishNotReadyAddresses = true
		f.Create(ctx, service)
		pod := told(ctx, f, "told")
		slices.MustReach(ctx, "the pod that is not ready is a ready endpoint", readyAt(pod.Status.PodIP))
		Expect(Ready(f.WaitPodRunning(ctx, "told"))).To(BeFalse(), "the pod itself is not ready")
		f.NewCaller(ctx, "caller").WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "told")
	})

	f.It("services/terminating-leaves", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "web")
		service := Service("web")
		slow := Server("slow", "--shutdown-delay", "25s")
		slow.Labels["app"], slow.Spec.TerminationGracePeriodSeconds = "web", ptr.To[int64](60)
		f.Create(ctx, service, slow)
		stays := servers(ctx, f, "stays")[0]
		slow = f.WaitPodReady(ctx, "slow")
		slices.MustReach(ctx, "both are ready", readyAt(stays.Status.PodIP, slow.Status.PodIP))
		caller := f.NewCaller(ctx, "caller")
		f.Delete(ctx, slow)
		slices.MustReach(ctx, "the deleted pod is terminating, serving and not ready", func(slices []*discoveryv1.EndpointSlice) bool {
			e, there := endpoints(slices)[slow.Status.PodIP]
			return there && ptr.Deref(e.Conditions.Terminating, false) && ptr.Deref(e.Conditions.Serving, false) && !ptr.Deref(e.Conditions.Ready, true)
		})
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "stays")
		slices.MustReach(ctx, "its endpoint is gone with it", func(slices []*discoveryv1.EndpointSlice) bool {
			_, there := endpoints(slices)[slow.Status.PodIP]
			return !there
		})
	})

	f.It("services/without-selector", func(ctx SpecContext) {
		slices := f.WatchSlices(ctx, "manual")
		service := Service("manual")
		service.Spec.Selector = nil
		f.Create(ctx, service)
		pod := servers(ctx, f, "a")[0]
		caller := f.NewCaller(ctx, "caller")
		slices.MustNever(ctx, "a slice is made for it", func(slices []*discoveryv1.EndpointSlice) bool { return len(slices) > 0 }, Quiet)
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Name: "by-hand", Labels: map[string]string{discoveryv1.LabelServiceName: "manual"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       []discoveryv1.EndpointPort{{Name: ptr.To(""), Port: ptr.To[int32](ServePort)}},
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{pod.Status.PodIP}}},
		}
		f.Create(ctx, slice)
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "a")
		other := servers(ctx, f, "b")[0]
		f.Edit(ctx, slice, func() { slice.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{other.Status.PodIP}}} })
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", "b")
	})

	f.It("services/environment", func(ctx SpecContext) {
		before := Service("my-web")
		f.Create(ctx, before)
		elsewhere := Service("elsewhere")
		elsewhere.Namespace = f.NewNamespace(ctx, "other").Name
		f.Create(ctx, elsewhere)
		without := Once("without", "env")
		without.Spec.EnableServiceLinks = ptr.To(false)
		// A kubelet learns of Services by watching: it is given the time that a first pod takes.
		f.Create(ctx, Once("first", "env"), without)
		f.WaitPodSucceeded(ctx, "first")
		f.WaitPodSucceeded(ctx, "without")
		f.Create(ctx, Once("with", "env"))
		f.WaitPodSucceeded(ctx, "with")
		ip := before.Spec.ClusterIP
		Expect(f.Logs(ctx, "with", corev1.PodLogOptions{})).To(And(
			ContainSubstring("MY_WEB_SERVICE_HOST="+ip+"\n"), ContainSubstring("MY_WEB_SERVICE_PORT=80\n"),
			ContainSubstring(fmt.Sprintf("MY_WEB_PORT=tcp://%s:80\n", ip)), ContainSubstring("MY_WEB_PORT_80_TCP_ADDR="+ip+"\n"),
			ContainSubstring("KUBERNETES_SERVICE_HOST="), Not(ContainSubstring("ELSEWHERE_SERVICE_HOST"))))
		Expect(f.Logs(ctx, "without", corev1.PodLogOptions{})).To(And(
			Not(ContainSubstring("MY_WEB_SERVICE_HOST")), ContainSubstring("KUBERNETES_SERVICE_HOST=")))
	})
})
