package server

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// listen opens every address and joins them into one listener; Addr is the first one's.
func listen(addresses []string) (net.Listener, error) {
	joined := &joinedListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			joined.closeAll()
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, fmt.Errorf("cannot listen on %s: the port is in use", address)
			}
			return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
		}
		joined.listeners = append(joined.listeners, l)
	}
	if len(joined.listeners) == 1 {
		return joined.listeners[0], nil
	}
	for _, l := range joined.listeners {
		go joined.accept(l)
	}
	return joined, nil
}

// joinedListener accepts from several listeners: the machine's loopback and the nodes' bridge.
type joinedListener struct {
	listeners []net.Listener
	conns     chan net.Conn
	closed    chan struct{}
	once      sync.Once
}

func (j *joinedListener) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of this one connection, e.g. aborted before it was accepted
		}
		select {
		case j.conns <- conn:
		case <-j.closed:
			conn.Close()
			return
		}
	}
}

// Accept implements net.Listener.
func (j *joinedListener) Accept() (net.Conn, error) {
	select {
	case conn := <-j.conns:
		return conn, nil
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (j *joinedListener) Close() error {
	j.once.Do(func() {
		close(j.closed)
		j.closeAll()
	})
	return nil
}

func (j *joinedListener) closeAll() {
	for _, l := range j.listeners {
		l.Close()
	}
}

// Addr implements net.Listener.
func (j *joinedListener) Addr() net.Addr { return j.listeners[0].Addr() }
