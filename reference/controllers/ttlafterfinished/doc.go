// Package ttlafterfinished deletes Jobs that have ended, once the time that their
// ttlSecondsAfterFinished gives them is over, and their pods with them: the
// deletion is in the foreground.
//
// What has ended, and how long ago, is asked of the API server once more before
// the deletion, and the deletion holds only for the object of that answer: users
// may lengthen the time until the last moment.
//
// Documentation: concepts/workloads/controllers/ttlafterfinished.
package ttlafterfinished
