package cluster

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
)

// A machine that has nothing but the token becomes a node: it gets a certificate of its own and runs pods.
func TestANodeJoinsByToken(t *testing.T) {
	o := wanted(t, "join", 1)
	c, client := bringUp(t, o)
	token, err := c.CreateToken(t.Context(), "", time.Hour, "for a test")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := c.Tokens(t.Context())
	if err != nil || len(tokens) != 1 || tokens[0].String() != token.String() || tokens[0].Description != "for a test" {
		t.Fatalf("the tokens are %+v, %v", tokens, err)
	}
	command, err := c.JoinCommand(token)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(command)
	joining := Joining{Server: words[3], Token: words[5], Hashes: []string{words[7]}}
	for want, spoil := range map[string]func(*Joining){
		"has the hash":    func(j *Joining) { j.Hashes = []string{"sha256:00"} },
		"not of the form": func(j *Joining) { j.Token = "x" },
		"not signed by":   func(j *Joining) { j.Token = token.ID + "." + strings.Repeat("x", 16) },
		"say which":       func(j *Joining) { j.Hashes = nil },
	} {
		j := joining
		spoil(&j)
		if _, err := j.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}

	const number = 50
	machine := node.Node{Plan: c.plan(), Number: number, All: []int{1, number}, Dir: c.path("nodes", node.Name(number)), Programs: c.Programs, ID: c.ID}
	dir := filepath.Join(machine.Dir, "joined")
	if err := os.MkdirAll(machine.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(machine.Dir, "settings.yaml")
	if err := os.WriteFile(settings, []byte(sharedDisk+"rotateCertificates: true\nfailSwapOn: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(words[1:], "--dir", dir, "--kubelet-config", settings, "--pod-cidr", c.plan().NodePods(number).String(), "--registry-mirror", "https://"+c.registryAddress())
	machine.Processes = []spec.Process{{Name: "join", Path: filepath.Join(c.Programs, "etalon"), Args: args, Env: node.Environment(c.Programs),
		Log: filepath.Join(machine.Dir, "logs", "join.log")}}
	if err := machine.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, file := range []string{filepath.Join(machine.Dir, "logs", "join.log"), filepath.Join(dir, "logs", "kubelet.log")} {
				t.Logf("%s: %s", file, strings.Join(tail(file, 20), "\n"))
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := until(ctx, nodeReady(client, machine.Name(), time.Time{}), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "there", Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: machine.Name(), Containers: []corev1.Container{{Name: "web", Image: images.Tool}}}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	waitForWeb(t, client, 1)

	requests, err := client.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(requests.Items) != 1 {
		t.Fatalf("%d requests, %v; want that of the node", len(requests.Items), err)
	}
	r := requests.Items[0]
	if r.Spec.Username != "system:bootstrap:"+token.ID || r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName || !slices.Contains(r.Spec.Groups, DefaultTokenGroup) {
		t.Errorf("the request is %+v", r.Spec)
	}
	for file, mode := range map[string]os.FileMode{"pki/kubelet-client-current.pem": 0o600, "kubeconfig": 0o600, "pki/kubelet.key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %v", file, info, err, mode)
		}
	}

	if err := c.DeleteToken(t.Context(), token.String()); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteToken(t.Context(), token.ID); err == nil || !strings.Contains(err.Error(), "no token") {
		t.Errorf("deleting it again: %v", err)
	}
	// The node has its own certificate now, and comes back by it.
	if err := machine.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := time.Now()
	if err := machine.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := until(ctx, nodeReady(client, machine.Name(), again), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	waitForWeb(t, client, 1)
}

func TestTokensAreListed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	later, before := now.Add(23*time.Hour), now.Add(-time.Second)
	for _, c := range []struct {
		token Token
		want  string
	}{
		{Token{ID: "abcdef", Secret: "0123456789abcdef", Expires: &later, Usages: []string{"authentication", "signing"}, Groups: []string{"g"}},
			"abcdef.0123456789abcdef 23h 2026-01-01T23:00:00Z authentication,signing <none> g"},
		{Token{ID: "abcdef", Secret: "s", Expires: &before, Description: "d"}, "abcdef.s <invalid> 2025-12-31T23:59:59Z <none> d <none>"},
		{Token{ID: "abcdef", Secret: "s"}, "abcdef.s <forever> <never> <none> <none> <none>"},
	} {
		if got := strings.Join(c.token.row(now), " "); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for range 20 {
		if id, err := letters(6); err != nil || len(id) != 6 {
			t.Errorf("got %q, %v", id, err)
		}
	}
}
