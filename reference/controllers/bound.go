package controllers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// errNotLeading is what writes fail with after the leadership has ended.
var errNotLeading = errors.New("this process leads no more")

// bound is a transport whose requests end with ctx, whatever context they are made with: discovery, events and some
// metrics are asked for without one. None begins after ctx has ended, none under way outlives it, and nothing is
// written once may says no.
type bound struct {
	http.RoundTripper
	ctx context.Context
	may func() bool
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	err := b.ctx.Err()
	if err == nil && writes(r) && !b.may() {
		err = errNotLeading
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	free := context.AfterFunc(b.ctx, func() { cancel(b.ctx.Err()) })
	end := func() {
		free()
		cancel(nil)
	}
	response, err := b.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		end()
		return nil, err
	}
	response.Body = &closing{ReadCloser: response.Body, end: sync.OnceFunc(end)}
	return response, nil
}

// WrappedRoundTripper lets client-go find the transport beneath.
func (b bound) WrappedRoundTripper() http.RoundTripper { return b.RoundTripper }

func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

// closing calls end when it is closed.
type closing struct {
	io.ReadCloser
	end func()
}

func (c *closing) Close() error {
	defer c.end()
	return c.ReadCloser.Close()
}
