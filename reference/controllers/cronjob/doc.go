// Package cronjob is the CronJob controller: at the times of a schedule it makes
// Jobs from a template, and it clears away those that ended long ago.
//
// plan.go decides from the CronJob, its Jobs and the time. Of the starts that
// were missed, because the controller was down or the CronJob suspended, only the
// latest is made up for, and only within startingDeadlineSeconds. The controller
// wakes at the very time of the next start instead of looking at every CronJob
// every ten seconds; deadlines shorter than that are kept, too.
//
// A Job's name is that of its CronJob and the minute it was scheduled for. That,
// and the annotation with its time, makes each start happen once, however often
// the controller is killed between making a Job and noting it in the status: the
// Job itself is the note.
//
// In a time zone with daylight saving, a start in the hour that is skipped is
// skipped, and one in the hour that comes twice happens twice.
//
// Documentation: concepts/workloads/controllers/cron-jobs.
package cronjob
