package pods

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// rule describes what to do when a container ends with one of the codes.
func rule(action corev1.ContainerRestartRuleAction, codes ...int32) []corev1.ContainerRestartRule {
	return []corev1.ContainerRestartRule{{Action: action,
		ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: codes}}}
}

var _ = Describe("restart rules", func() {
	f := New()

	f.It("pods/container-restart-policy", func(ctx SpecContext) {
		pod := Pod("mixed", "sleep", "1h")
		never, onFailure := Container("never", "exit", "3"), Container("on-failure", "exit", "0")
		never.RestartPolicy, onFailure.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyNever), ptr.To(corev1.ContainerRestartPolicyOnFailure)
		pod.Spec.Containers = append(pod.Spec.Containers, never, onFailure)
		watched := f.WatchPod(ctx, "mixed")
		f.Create(ctx, pod)
		watched.MustReach(ctx, "both have ended", one(func(p *corev1.Pod) bool {
			return Status(p, "never").State.Terminated != nil && Status(p, "on-failure").State.Terminated != nil
		}))
		watched.MustNever(ctx, "one of them is restarted though its own policy says no, or the pod ends", one(func(p *corev1.Pod) bool {
			return restarts("never", 1)(p) || restarts("on-failure", 1)(p) || Ended(p)
		}), Quiet)

		keeps := Once("keeps", "exit", "0")
		always := Container("always", "exit", "0")
		always.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		keeps.Spec.Containers = append(keeps.Spec.Containers, always)
		kept := f.WatchPod(ctx, "keeps")
		f.Create(ctx, keeps)
		got := kept.MustReach(ctx, "the container with the policy Always was restarted", one(restarts("always", 1)))[0]
		Expect(Status(got, "main").RestartCount).To(BeZero())
		Expect(Ended(got)).To(BeFalse())
	})

	f.It("pods/restart-rules", func(ctx SpecContext) {
		pod := Once("retries", "sh", "stat /shared/tried && exit 3; write /shared/tried yes; exit 42")
		pod.Spec.Containers[0].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyNever)
		pod.Spec.Containers[0].RestartPolicyRules = rule(corev1.ContainerRestartRuleActionRestart, 42, 43)
		SharedDir(&pod.Spec, "/shared")
		watched := f.WatchPod(ctx, "retries")
		f.Create(ctx, pod)
		failed := watched.MustReach(ctx, "it has Failed", one(func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed }))[0]
		Expect(Status(failed, "main").RestartCount).To(BeEquivalentTo(1), "one restart, for the code that a rule names")
		Expect(Status(failed, "main").State.Terminated.ExitCode).To(BeEquivalentTo(3))

		MustBeInvalid(f.TryCreate(ctx, func() *corev1.Pod {
			bad := Once("bad", "exit", "0")
			bad.Spec.Containers[0].RestartPolicyRules = rule(corev1.ContainerRestartRuleActionRestart, 1)
			return bad
		}()), "spec.containers[0].restartPolicy")
	})

	f.It("pods/restart-all-containers", func(ctx SpecContext) {
		pod := Once("worker", "sh", "stat /shared/tried && sleep 1h; sleep 3s; write /shared/tried yes; exit 42")
		pod.Spec.Containers[0].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyNever)
		pod.Spec.Containers[0].RestartPolicyRules = rule(corev1.ContainerRestartRuleActionRestartAllContainers, 42)
		pod.Spec.InitContainers = []corev1.Container{Container("init", "exit", "0"), sidecar("side", "sleep", "1h")}
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		SharedDir(&pod.Spec, "/shared")
		watched := f.WatchPod(ctx, "worker")
		f.Create(ctx, pod)
		first := watched.MustReach(ctx, "all containers run", one(Ready))[0]
		again := watched.MustReach(ctx, "every container was restarted", one(func(p *corev1.Pod) bool {
			for _, name := range []string{"init", "side", "main", "beside"} {
				if !restarts(name, 1)(p) {
					return false
				}
			}
			return Ready(p)
		}))[0]
		Expect(again.Status.PodIP).To(Equal(first.Status.PodIP))
		Expect(again.UID).To(Equal(first.UID))
		var seen bool
		for _, state := range watched.Seen() {
			for _, p := range state {
				Expect(Ended(p)).To(BeFalse(), "a pod that restarts was seen as %s", p.Status.Phase)
				seen = seen || PodCondition(p, corev1.AllContainersRestarting).Status == corev1.ConditionTrue
			}
		}
		Expect(seen).To(BeTrue(), "the condition AllContainersRestarting was True meanwhile")
		Expect(PodCondition(again, corev1.AllContainersRestarting).Status).NotTo(Equal(corev1.ConditionTrue))
		Expect(Status(again, "init").State.Terminated.FinishedAt.Time).To(BeTemporally(">", first.Status.StartTime.Add(2*time.Second)), "the init container ran again")
	})
})
