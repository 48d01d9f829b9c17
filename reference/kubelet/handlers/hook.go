package handlers

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
)

// Hook carries out a lifecycle hook and waits for its end, at most until ctx ends.
func Hook(ctx context.Context, e Exec, t Target, h *v1.LifecycleHandler) error {
	switch {
	case h.Exec != nil:
		r, err := Command(ctx, e, t, h.Exec.Command, 0)
		if err == nil && !r.OK {
			err = fmt.Errorf("command %q failed: %s", join(h.Exec.Command), r.Message)
		}
		return err
	case h.HTTPGet != nil:
		req, err := request(ctx, t, h.HTTPGet, hookAgent)
		if err != nil {
			return err
		}
		resp, err := client(0).Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	case h.Sleep != nil:
		select {
		case <-time.After(time.Duration(h.Sleep.Seconds) * time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	default:
		return fmt.Errorf("invalid handler: %v", h)
	}
}
