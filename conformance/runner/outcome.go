package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// State is how a behaviour came out.
type State string

const (
	Passed  State = "passed"
	Failed  State = "failed"
	Skipped State = "skipped" // a need is missing; Message names it
	NotRun  State = "not run" // the run ended before, or it was a dry run; Message says which
)

// Outcome is how one behaviour came out.
type Outcome struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Duration is in nanoseconds in JSON, as Go writes it.
	Duration time.Duration `json:"duration"`
	// Message says what was wrong, what was missing, or why it did not run.
	Message string `json:"message,omitempty"`
	// Where is the line that failed, as file:line.
	Where string `json:"where,omitempty"`
	// Details tell what else is known of a failure: steps, pods and events at that time.
	Details string `json:"details,omitempty"`
}

// outcome reads Ginkgo's report of one spec.
func outcome(report types.SpecReport) Outcome {
	o := Outcome{ID: report.LeafNodeText, Duration: report.RunTime}
	switch report.State {
	case types.SpecStatePassed:
		o.State = Passed
	case types.SpecStateSkipped:
		o.State, o.Message = Skipped, report.Failure.Message
		if o.Message == "" {
			o.State, o.Message = NotRun, "the run was stopped before"
		}
	case types.SpecStatePending:
		o.State, o.Message = NotRun, "the spec is marked pending"
	case types.SpecStateInterrupted:
		o.State, o.Message = NotRun, "stopped while it ran"
	default:
		o.State = Failed
		o.Message = failureText(report)
		o.Where = location(report.Failure.Location)
		o.Details = details(report)
	}
	return o
}

// failureText is the failure's message, with the panic or time-out it was.
func failureText(report types.SpecReport) string {
	failure := report.Failure
	text := failure.Message
	switch {
	case failure.ForwardedPanic != "":
		text = fmt.Sprintf("the spec panicked: %s\n%s", failure.ForwardedPanic, failure.Location.FullStackTrace)
	case report.State == types.SpecStateTimedout:
		text = "the spec took too long: " + text
	}
	if failure.AdditionalFailure != nil && failure.AdditionalFailure.Failure.Message != "" {
		text += "\n" + failure.AdditionalFailure.Failure.Message
	}
	return strings.TrimSpace(text)
}

func details(report types.SpecReport) string {
	var b strings.Builder
	for _, extra := range report.AdditionalFailures {
		fmt.Fprintf(&b, "and then: %s\n", extra.Failure.Message)
	}
	for _, entry := range report.ReportEntries {
		fmt.Fprintf(&b, "%s: %s\n", entry.Name, entry.StringRepresentation())
	}
	if written := strings.TrimSpace(report.CapturedGinkgoWriterOutput); written != "" {
		fmt.Fprintf(&b, "notes of the spec:\n%s\n", written)
	}
	return b.String()
}

// location is file:line, with the file's path shortened to what is inside the module.
func location(where types.CodeLocation) string {
	if where.FileName == "" {
		return ""
	}
	file := where.FileName
	if _, inside, found := strings.Cut(file, "/conformance/"); found {
		file = "conformance/" + inside
	}
	return fmt.Sprintf("%s:%d", file, where.LineNumber)
}
