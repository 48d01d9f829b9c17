package csi

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csifixture "github.com/etalon-dev/etalon/fixtures/csi"
)

// Each call is interrupted once, before the driver does it or after, by the end of the driver or of the agent. What
// follows has to come to the same end.
func TestKilledInTheMiddleOfACall(t *testing.T) {
	for _, method := range []string{"NodeStageVolume", "NodePublishVolume", "NodeUnpublishVolume", "NodeUnstageVolume"} {
		for _, after := range []bool{false, true} {
			for _, who := range []string{"driver", "agent"} {
				name := map[bool]string{false: "before", true: "after"}[after]
				t.Run(method+"/"+name+"/"+who, func(t *testing.T) { killed(t, method, after, who) })
			}
		}
	}
}

func killed(t *testing.T, method string, after bool, who string) {
	r := newRig(t, noAttach())
	ctx, die := context.WithCancel(t.Context())
	var fired atomic.Bool
	hook := func(m string) error {
		if m != method || !fired.CompareAndSwap(false, true) {
			return nil
		}
		if who == "agent" {
			die()
		}
		return status.Error(codes.Unavailable, "transport is closing")
	}
	if after {
		r.driver.After = hook
	} else {
		r.driver.Before = hook
	}
	// again does it until it is done, with whoever died started anew.
	again := func(do func() error) {
		t.Helper()
		for range 3 {
			err := do()
			if err == nil {
				return
			}
			if !fired.Load() {
				t.Fatalf("failed without cause: %v", err)
			}
			if who == "driver" {
				r.stop()
				r.serve()
			} else {
				ctx = t.Context()
			}
			r.agent()
		}
		t.Fatal(errors.New("it does not come to an end"))
	}
	again(func() error { return r.mount(ctx, claiming("a")) })
	again(func() error { return r.mount(ctx, claiming("b")) })
	again(func() error { return r.m.Remove(ctx, "a") })
	again(func() error { return r.m.Remove(ctx, "b") })
	if !fired.Load() {
		t.Fatal("the call was never made")
	}
	calls := r.calls()
	if after {
		// The answer was lost, so the call came twice; the spec wants drivers to stand that.
		calls = withoutRepeats(calls, method)
	}
	if !once(calls) {
		t.Errorf("calls: %v", r.calls())
	}
	if left := r.left(); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

// withoutRepeats drops one repetition of the call that was interrupted.
func withoutRepeats(calls []csifixture.Call, method string) []csifixture.Call {
	var out []csifixture.Call
	dropped := false
	for i, c := range calls {
		if !dropped && i > 0 && c.Method == method && calls[i-1].Method == method && calls[i-1].Target == c.Target {
			dropped = true
			continue
		}
		out = append(out, c)
	}
	return out
}

func TestAPodThatGoesBeforeItsVolumeIsThere(t *testing.T) {
	r := newRig(t, noAttach())
	r.driver.Before = func(m string) error {
		if m == "NodePublishVolume" {
			return status.Error(codes.DeadlineExceeded, "busy")
		}
		return nil
	}
	if r.mount(t.Context(), claiming("a")) == nil {
		t.Fatal("mounted")
	}
	must(t, r.m.Remove(t.Context(), "a"))
	// It may have been published after all.
	if got := methods(r.calls()); got != "Stage Unpublish Unstage" {
		t.Errorf("calls: %s", got)
	}
	if left := r.left(); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestADriverThatRefusesIsNotAskedToTakeItBack(t *testing.T) {
	r := newRig(t, noAttach())
	r.driver.Before = func(m string) error {
		if m == "NodeStageVolume" {
			return status.Error(codes.InvalidArgument, "never")
		}
		return nil
	}
	err := r.mount(t.Context(), claiming("a"))
	if want := `MountVolume.MountDevice failed for volume "pv" : rpc error: code = InvalidArgument desc = never`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	must(t, r.m.Remove(t.Context(), "a"))
	if calls := r.calls(); len(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
}
