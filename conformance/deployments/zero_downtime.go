package deployments

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("updates under load", func() {
	f := New()

	f.It("deployments/zero-downtime", func(ctx SpecContext) {
		// A server that serves on for a while after SIGTERM gives proxies the time to learn that it leaves.
		pod := Server("web", "--shutdown-delay", "8s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
		pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("http")}},
			PeriodSeconds: 1,
		}
		d := Deployment("web", 3, pod)
		service := Service("web")
		f.Create(ctx, d, service)
		f.WaitRolled(ctx, "web")
		caller := f.NewCaller(ctx, "caller")
		names := Names(Where(f.WatchPods(ctx, "app=web").Now(), Ready))
		caller.WaitAnswers(ctx, service.Spec.ClusterIP, 80, "/hostname", names...)

		update(ctx, f, d, "2")
		asked := 0
		for rolled := false; !rolled; {
			now := &appsv1.Deployment{ObjectMeta: d.ObjectMeta}
			f.Get(ctx, now)
			rolled = Rolled(now) // judged before the last round of requests, so that the end is covered too
			answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 20)
			Expect(answers.Errors).To(BeEmpty(), "requests failed during the update, after %d that did not", asked)
			asked += len(answers.Responses)
			Expect(ctx.Err()).NotTo(HaveOccurred())
		}
		Expect(asked).To(BeNumerically(">=", 40), "requests asked during the update")
		f.Stays(ctx, "every request is answered", 10*time.Second, func(ctx context.Context) (bool, string) {
			answers := caller.HTTP(ctx, service.Spec.ClusterIP, 80, "/hostname", 20)
			return len(answers.Errors) == 0, answers.String()
		})
	})
})
