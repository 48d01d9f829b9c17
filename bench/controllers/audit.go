package controllers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// policy has the API server log the metadata of each request once it is answered, but for heartbeats.
const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  nonResourceURLs: ["*"]
- level: Metadata
`

// event is what is read of an entry of an audit log.
type event struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// call is a kind of request: who makes it, and what it does.
type call struct {
	Component string `json:"component"`
	Verb      string `json:"verb"`
	Resource  string `json:"resource"`
}

// calls counts requests. Those that were refused count as well: they cost as much.
type calls map[call]int

// components are the users of the parts of a cluster; a user that is none of them is named as it is.
var components = map[string]string{
	"system:kube-controller-manager": "controllers", "system:kube-scheduler": "scheduler", "etalon:simulation": "nodes",
	"kubernetes-admin": "client", "system:apiserver": "API server",
}

func (e event) call() call {
	c := call{Component: components[e.User.Username], Verb: e.Verb, Resource: e.ObjectRef.Resource}
	if c.Component == "" {
		c.Component = e.User.Username
	}
	if strings.HasPrefix(c.Component, "system:serviceaccount:kube-system:") {
		c.Component = "controllers" // kube-controller-manager may give each controller its own
	}
	if strings.HasPrefix(c.Component, "system:node:") {
		c.Component = "nodes"
	}
	if e.ObjectRef.Subresource != "" {
		c.Resource += "/" + e.ObjectRef.Subresource
	}
	return c
}

// writes tells whether the request is one that changes something. An Event is a message, and not counted among them;
// nor is what a node says of itself, which comes whether anything changes or not: of many nodes one always speaks.
func (c call) writes() bool {
	if c.Component == "nodes" && c.Resource == "nodes/status" {
		return false
	}
	switch c.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return c.Resource != "events"
	}
	return false
}

// isEvent tells whether the request writes an Event.
func (c call) isEvent() bool { return c.Resource == "events" && c.Verb != "list" && c.Verb != "watch" }

func (c calls) sum(which func(call) bool) int {
	n := 0
	for one, count := range c {
		if which(one) {
			n += count
		}
	}
	return n
}

// auditLog reads a log that grows, and that is put aside for a new one when it is large.
type auditLog struct {
	path string
	file *os.File
	in   *bufio.Reader
	// rest is the beginning of a line whose end has not been written.
	rest    []byte
	refused int
}

func openLog(path string) (*auditLog, error) {
	l := &auditLog{path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return l, nil
}

func (l *auditLog) open() error {
	file, err := os.Open(l.path)
	if err != nil {
		return err
	}
	l.close()
	l.file, l.in = file, bufio.NewReaderSize(file, 1<<20)
	return nil
}

func (l *auditLog) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// read adds what has been written since it was last called, and returns how many requests those were.
func (l *auditLog) read(into calls) (n int, err error) {
	for {
		line, err := l.in.ReadBytes('\n')
		l.rest = append(l.rest, line...)
		switch {
		case errors.Is(err, io.EOF):
			if renewed, err := l.renewed(); err != nil || !renewed {
				return n, err
			}
			continue
		case err != nil:
			return n, fmt.Errorf("audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(l.rest, &e); err != nil {
			return n, fmt.Errorf("audit log: %w", err)
		}
		l.rest = l.rest[:0]
		if e.Stage != "ResponseComplete" {
			continue
		}
		into[e.call()]++
		n++
		if e.ResponseStatus.Code >= 400 {
			l.refused++
		}
	}
}

// renewed opens the log that has taken the place of this one, if one has and all of this one is read.
func (l *auditLog) renewed() (bool, error) {
	mine, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(l.path)
	if err != nil || os.SameFile(mine, now) {
		return false, nil // at the moment of the change there may be none
	}
	at, err := l.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return false, err
	}
	if mine, err = l.file.Stat(); err != nil || mine.Size() > at {
		return true, err // the last lines came after we had looked
	}
	return true, l.open()
}
