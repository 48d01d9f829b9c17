package validation

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxCronJobName leaves room for the 11 characters that the controller appends to name a Job.
const maxCronJobName = 52

// CronJob checks a new CronJob.
func CronJob(c *batchv1.CronJob) field.ErrorList {
	errs := append(newMeta(&c.ObjectMeta, namespaced, subdomainName), cronJobSpec(&c.Spec, &batchv1.CronJobSpec{})...)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(metadataPath.Child("name"), c.Name, "must be no more than 52 characters"))
	}
	return errs
}

// cronJobSpec lets a spec keep what its former version has: a time zone that is no longer known, one in the schedule.
func cronJobSpec(s, old *batchv1.CronJobSpec) field.ErrorList {
	errs := cronSchedule(specPath.Child("schedule"), s.Schedule, s.TimeZone != nil, strings.Contains(old.Schedule, "TZ"))
	if s.TimeZone != nil && !equal(s.TimeZone, old.TimeZone) {
		errs = append(errs, timeZone(specPath.Child("timeZone"), *s.TimeZone)...)
	}
	errs = append(errs, nonNegativePtr(specPath.Child("startingDeadlineSeconds"), s.StartingDeadlineSeconds)...)
	errs = append(errs, oneOf(specPath.Child("concurrencyPolicy"), s.ConcurrencyPolicy,
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	errs = append(errs, nonNegativePtr(specPath.Child("successfulJobsHistoryLimit"), s.SuccessfulJobsHistoryLimit)...)
	errs = append(errs, nonNegativePtr(specPath.Child("failedJobsHistoryLimit"), s.FailedJobsHistoryLimit)...)
	template := specPath.Child("jobTemplate", "spec")
	if isTrue(s.JobTemplate.Spec.ManualSelector) {
		errs = append(errs, field.NotSupported(template.Child("manualSelector"), *s.JobTemplate.Spec.ManualSelector, []string{"nil", "false"}))
	}
	return append(errs, jobSpec(template, &s.JobTemplate.Spec)...)
}

func cronSchedule(p *field.Path, schedule string, hasZone, mayNameZone bool) (errs field.ErrorList) {
	switch {
	case schedule == "":
		return field.ErrorList{field.Required(p, "")}
	case strings.Contains(schedule, "TZ") && !mayNameZone:
		return field.ErrorList{field.Invalid(p, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")}
	case strings.Contains(schedule, "TZ") && hasZone:
		return field.ErrorList{field.Invalid(p, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")}
	}
	syntax := schedule
	if zone, rest, _ := strings.Cut(schedule, " "); strings.HasPrefix(zone, "TZ=") || strings.HasPrefix(zone, "CRON_TZ=") {
		// The parser does not expect that nothing comes after the zone.
		syntax = strings.TrimSpace(rest)
	}
	if _, err := cron.ParseStandard(syntax); err != nil {
		errs = append(errs, field.Invalid(p, schedule, err.Error()))
	}
	return errs
}

func timeZone(p *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Invalid(p, name, "timeZone must be nil or non-empty string")}
	}
	if strings.EqualFold(name, "Local") {
		return field.ErrorList{field.Invalid(p, name, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")}
	}
	if _, err := time.LoadLocation(name); err != nil {
		return field.ErrorList{field.Invalid(p, name, err.Error())}
	}
	return nil
}

// CronJobUpdate checks a replacement of a CronJob; everything may change. Names were not always bounded.
func CronJobUpdate(c, old *batchv1.CronJob) field.ErrorList {
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), cronJobSpec(&c.Spec, &old.Spec)...)
}

// CronJobStatusUpdate checks a write to a CronJob's status.
func CronJobStatusUpdate(c, old *batchv1.CronJob) field.ErrorList {
	return updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
}
