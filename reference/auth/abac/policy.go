package abac

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/klog/v2"
)

const (
	apiVersion = "abac.authorization.kubernetes.io/v1beta1"
	kind       = "Policy"
	all        = "*"
)

// Policy is one line: who (User, Group) may do what. "*" stands for everything, an empty field for
// nothing that a request could be about.
type Policy struct {
	User, Group string
	// Readonly allows get, list and watch, and GET of paths, only.
	Readonly                      bool
	APIGroup, Resource, Namespace string
	NonResourcePath               string
}

// LoadError says where a policy file is wrong. Line is 0 if it could not be read at all.
type LoadError struct {
	Path string
	Line int
	Text string
	Err  error
}

func (e *LoadError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("error reading policy file %s, line %d: %s: %v", e.Path, e.Line, e.Text, e.Err)
	}
	return fmt.Sprintf("error reading policy file %s: %v", e.Path, e.Err)
}

func (e *LoadError) Unwrap() error { return e.Err }

// Load reads a policy file: one JSON object per line; empty lines and lines that start with # count as
// none. Lines without kind are taken in the form that preceded versions, with a warning.
func Load(path string) ([]Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &LoadError{Path: path, Err: err}
	}
	var policies []Policy
	unversioned := 0
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		p, versioned, err := parse(line)
		if err != nil {
			return nil, &LoadError{Path: path, Line: n, Text: string(line), Err: err}
		}
		if !versioned {
			unversioned++
		}
		policies = append(policies, p)
	}
	if unversioned > 0 {
		klog.Background().Info("The policy file contains unversioned rules", "path", path, "rules", unversioned)
	}
	if err := lines.Err(); err != nil {
		return nil, &LoadError{Path: path, Err: err}
	}
	return policies, nil
}

type spec struct {
	User            string `json:"user"`
	Group           string `json:"group"`
	Readonly        bool   `json:"readonly"`
	APIGroup        string `json:"apiGroup"`
	Resource        string `json:"resource"`
	Namespace       string `json:"namespace"`
	NonResourcePath string `json:"nonResourcePath"`
}

func parse(line []byte) (p Policy, versioned bool, err error) {
	var typed struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       spec   `json:"spec"`
	}
	if err := json.Unmarshal(line, &typed); err != nil {
		return Policy{}, false, err
	}
	if typed.Kind == "" && typed.APIVersion == "" {
		var old spec
		if err := json.Unmarshal(line, &old); err != nil {
			return Policy{}, false, err
		}
		return old.unversioned(), false, nil
	}
	if typed.Kind != kind || typed.APIVersion != apiVersion {
		return Policy{}, false, fmt.Errorf("no kind %q is registered for version %q, want %q of %q", typed.Kind, typed.APIVersion, kind, apiVersion)
	}
	p = Policy(typed.Spec)
	return p.known(), true, nil
}

// known replaces "*" as user or group: it means everybody but anonymous requests.
func (p Policy) known() Policy {
	if p.User == all {
		p.User = ""
		if p.Group == "" {
			p.Group = all
		}
	}
	if p.Group == all {
		p.Group = user.AllAuthenticated
	}
	return p
}

// unversioned: in the old form an empty field meant everything, and there were no API groups.
func (s spec) unversioned() Policy {
	p := Policy{User: s.User, Group: s.Group, Readonly: s.Readonly, APIGroup: all, Resource: s.Resource, Namespace: s.Namespace}
	if s.User == "" && s.Group == "" {
		p.User = all
	}
	if p.Namespace == "" {
		p.Namespace = all
	}
	if p.Resource == "" {
		p.Resource = all
		p.NonResourcePath = all
	}
	return p.known()
}
