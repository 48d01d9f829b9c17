// Package sim is a cluster without network or real time, in which a controller
// is proven: the controller under test with its real informers, queue and
// workers, on an API server in memory, in a testing/synctest bubble, so that hours
// of back-offs and deadlines cost milliseconds and it is known when nothing moves
// any more.
//
// A property test draws a [Scenario]; [Check] draws a script of what users do (the
// scenario's actions) mixed with what happens in every world: requests that are
// slow, refused, in conflict, or applied but not answered; events that are late,
// held up for half a minute, or lost with their watch so that the informer lists
// anew; controllers that crash between any two instants; pods that fail, nodes
// that are lost. Each controller has watches of its own, one for each kind, so
// that what it sees may be out of date, and of different ages. The invariants are
// checked after every single write. Then faults stop ([World.Settle]), and the
// world must come to rest, be as Settled wants it, and see no more writes, no-ops,
// refused ones and events included, for an hour.
//
//	func TestInTheSimulatedWorld(t *testing.T) {
//		sim.Check(t, func(t *rapid.T) sim.Scenario {
//			return sim.Scenario{
//				Controllers: map[string]sim.New{"replicaset": sim.Controller(replicaset.New)},
//				Objects:     []sim.Object{newSet(rapid.Int32Range(0, 5).Draw(t, "replicas"))},
//				Actions: map[string]sim.Action{
//					"scale": func(t *rapid.T) sim.Act { // draws outside of the bubble …
//						replicas := rapid.Int32Range(0, 8).Draw(t, "replicas")
//						return func(w *sim.World) { // … and acts inside
//							sim.Update(w, "web", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = &replicas })
//						}
//					},
//				},
//				Invariants: map[string]sim.Invariant{
//					"never more than 8": func(w *sim.World, _ sim.Write) error {
//						if n := len(sim.List[*corev1.Pod](w)); n > 8 {
//							return fmt.Errorf("%d pods", n)
//						}
//						return nil
//					},
//				},
//				Settled: func(w *sim.World) error { … },
//			}
//		})
//	}
//
// An invariant is given the [Write] too: who wrote what, the object before and
// after. Invariants that remember something are made anew in each scenario.
// Settled sees the world at rest. [Run] plays a fixed scenario, for what depends on
// the exact time: it is given a function that acts, sleeps ([World.Sleep]) and
// returns an error.
//
// # The API server in memory
//
// It serves every kind of client-go's scheme under its plural: get, list, watch
// (with initial events, bookmarks, selectors by label and some fields), create,
// update, patch (JSON, merge, strategic merge; not apply), delete, deletion of
// collections, and the subresources status, scale and eviction (which always is
// allowed). It gives names, uids, resource versions (of one row for all kinds),
// generations (which follow the spec) and the real defaults; it refuses updates of
// an old version; it keeps status and the rest apart; it has preconditions, grace
// periods of pods, finalizers and, with Garbage, owners. It does not validate, and
// checks no permissions.
//
// # Nodes
//
// Pods are scheduled, start, become ready, end and go as their [Fate] says, which
// the scenario's Pods decides. A pod that names its node in its affinity, as those
// of a DaemonSet do, gets that node. Nodes are named node-0, node-1, …
//
// # Clients and time
//
// In the world, time.Now is 2000-01-01 and passes only when everybody waits.
// Nothing in the world may wait for what is outside of it: no real network, no
// channels made before. What has to be compared with times must use time.Now.
//
// # Determinism
//
// A script and a seed decide the weather, names, delays and fates, by what is asked
// for and how often, not by when. What is left is the order in which goroutines
// that are ready at the same instant run, as in a real process. So a failure can
// take rapid several attempts to find again; the history that is printed with it
// is of the very run that failed.
package sim
