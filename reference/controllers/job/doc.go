// Package job is the Job controller: it runs pods until enough of them have succeeded, or too many have
// failed, and counts each of them exactly once.
//
// One reconciliation is four steps, of which the first, second and fourth are pure:
//
//   - look sorts the Job's pods and adds up what is known (view.go),
//   - plan decides whether the Job is about to end, and which pods go and come (plan.go, manage.go),
//   - the controller deletes and creates those,
//   - account writes down which pods have ended, and says whose finalizer may go (account.go).
//
// Counting is safe at every moment because it takes three writes in this order: the uids of pods that ended go
// into status.uncountedTerminatedPods (for the successes of an Indexed Job: their indexes into
// completedIndexes), then the pods lose their finalizer, then the uids become numbers. A pod in the list that
// still has its finalizer is not counted again; one that has lost it, or is gone, has only to be moved. So the
// sum of counters, list and unlisted pods with a finalizer is the same before and after each of these writes,
// and a process that dies between any two of them leaves nothing behind that the next one would count twice.
// Decisions are made only from caches that show all that this process has written.
//
// Nor is anything left out: a Job does not end while a creation is unanswered whose pod nobody has seen, and a pod
// that is stopped because the Job ends counts as what it is once its deletion shows, as which it may have come to an
// end of its own before. What was counted is not adopted again.
//
// Pods that go because there are too many, or because the Job is suspended, lose their finalizer before they
// are deleted: they are no failures.
//
// Documentation: concepts/workloads/controllers/job.
package job
