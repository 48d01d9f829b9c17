package simulation

import (
	"errors"
	"fmt"
	"strconv"
)

// Annotations of a pod that change how it behaves.
const (
	// StartAfter is how long it takes from the binding to the start of the containers.
	StartAfter = "simulate.etalon.dev/start-after"
	// InitFor is how long each init container runs.
	InitFor = "simulate.etalon.dev/init-for"
	// ReadyAfter is how long a container runs before it is ready; "never" for one that never is.
	ReadyAfter = "simulate.etalon.dev/ready-after"
	// RunFor is how long the containers run before they end by themselves; "never" for those that do not.
	RunFor = "simulate.etalon.dev/run-for"
	// ExitCode is that of containers that end by themselves.
	ExitCode = "simulate.etalon.dev/exit-code"
	// FailShare is how likely, 0 to 1, a run ends with exit code 1 instead.
	FailShare = "simulate.etalon.dev/fail-share"
	// StopAfter is how long the containers take to end when the pod is deleted, within its grace period.
	StopAfter = "simulate.etalon.dev/stop-after"
)

// Behavior is how a pod behaves where the API does not say it.
type Behavior struct {
	StartAfter, InitFor, ReadyAfter, RunFor, StopAfter Delay
	ExitCode                                           int32
	FailShare                                          float64
}

// with returns the behavior as the annotations change it, and what of them cannot be read and is left out.
func (b Behavior) with(annotations map[string]string) (Behavior, error) {
	var errs []error
	read := func(key string, set func(string) error) {
		if text, ok := annotations[key]; ok {
			if err := set(text); err != nil {
				errs = append(errs, fmt.Errorf("annotation %s: %w", key, err))
			}
		}
	}
	delay := func(key string, d *Delay) {
		read(key, func(text string) error {
			parsed, err := ParseDelay(text)
			if err == nil {
				*d = parsed
			}
			return err
		})
	}
	delay(StartAfter, &b.StartAfter)
	delay(InitFor, &b.InitFor)
	delay(ReadyAfter, &b.ReadyAfter)
	delay(RunFor, &b.RunFor)
	delay(StopAfter, &b.StopAfter)
	read(ExitCode, func(text string) error {
		code, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			return fmt.Errorf("%q is no exit code: want 0 to 255", text)
		}
		b.ExitCode = int32(code)
		return nil
	})
	read(FailShare, func(text string) error {
		share, err := strconv.ParseFloat(text, 64)
		if err == nil {
			err = checkShare(share)
		}
		if err != nil {
			return fmt.Errorf("%q is no share: want 0 to 1", text)
		}
		b.FailShare = share
		return nil
	})
	return b, errors.Join(errs...)
}

func checkShare(share float64) error {
	if !(share >= 0 && share <= 1) {
		return fmt.Errorf("%v is no share: want 0 to 1", share)
	}
	return nil
}
