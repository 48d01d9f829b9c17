package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// processError is a process that fails, and the log that says why.
type processError struct {
	what string
	log  string
}

func (e *processError) Error() string { return e.what }

// StepError says which step of bringing a cluster up failed, and shows the end of the log of what failed.
type StepError struct {
	Step string
	Err  error
	// Log is the file, Tail its last lines; both may be empty.
	Log  string
	Tail []string
}

func (e *StepError) Unwrap() error { return e.Err }

func (e *StepError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Step, e.Err)
	if len(e.Tail) > 0 {
		text += fmt.Sprintf("\nThe last lines of %s (--keep leaves all of it in place):\n    %s", e.Log, strings.Join(e.Tail, "\n    "))
	}
	return text
}

// failed wraps the error of a step, with the end of log or, where the error names a process, of that one's log.
func failed(step, log string, err error) error {
	if err == nil {
		return nil
	}
	var process *processError
	var within *StepError
	switch {
	case errors.As(err, &within):
		log = "" // which has shown its own
	case errors.As(err, &process):
		log = process.log
	}
	e := &StepError{Step: step, Err: err, Log: log}
	if log != "" && !errors.Is(err, context.Canceled) {
		e.Tail = tail(log, 8)
	}
	return e
}

// tail returns the last lines of a file; none when it cannot be read.
func tail(file string, lines int) []string {
	b, err := os.ReadFile(file)
	if err != nil || len(b) == 0 {
		return nil
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return all[max(0, len(all)-lines):]
}
