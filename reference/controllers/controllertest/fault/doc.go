// Package fault proves that controllers may be killed at any moment: on a real API
// server and etcd, in process, it plays a scenario once undisturbed, and then again
// and again, killing the controllers before and after each single write that they
// make and starting new ones, with new clients and caches. The outcome must be
// that of the undisturbed run every time, and the pods must be within their bounds
// at every change.
//
// Only the controllers that the scenario starts run. Each round has a namespace of
// its own, which is the only one that its controllers see, so that rounds run side
// by side. Pods are put on a node, run and are ready at once (unless the
// scenario's Status says otherwise), and end when they are deleted. There is no
// garbage collector, unless it is among the controllers.
//
// The scenarios are in reference/controllers, as fault_<kind>_test.go, and TestFaults
// there plays them all; runs(…) gives a Start for the names of some controllers.
//
//	func TestFaultsOfAReplicaSet(t *testing.T) {
//		fault.AtEachWrite(t, fault.Scenario{
//			Name:  "replicaset",
//			Start: runs("replicaset-controller"),
//			Steps: []fault.Step{
//				{Name: "create", Do: func(ctx context.Context, r *fault.Round) error {
//					_, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Create(ctx, web(3), metav1.CreateOptions{})
//					return err
//				}, Until: ready(3)},
//				{Name: "scale", Do: …, Until: ready(1)},
//			},
//			Outcome: func(ctx context.Context, r *fault.Round) (string, error) {
//				rs, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
//				if err != nil {
//					return "", err
//				}
//				return fault.Text(rs.Status), nil
//			},
//			Throughout: func() func([]*corev1.Pod) error {
//				return func(pods []*corev1.Pod) error {
//					if len(pods) > 4 { // one creation may be forgotten in a crash
//						return fmt.Errorf("%d pods", len(pods))
//					}
//					return nil
//				}
//			},
//		})
//	}
//
// Nothing depends on how fast the machine is: a step is waited for as long as it
// takes, and the undisturbed round goes on running, so that what its controllers
// put off belongs to its outcome too. What stands in for the world outside, such as
// an attacher of volumes or an API of metrics, acts in the steps or in Start.
//
// An Outcome compares what a user could tell: statuses, counts, conditions. [Text]
// leaves out names that the API server gives, uids, versions and times; [Lines]
// makes the order not matter. Rounds differ in timing, so an outcome must not
// depend on which of several pods was chosen.
package fault
