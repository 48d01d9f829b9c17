package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/bench/process"
	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

const (
	readyPoll    = 2 * time.Millisecond
	readyTimeout = time.Minute
	stopTimeout  = 30 * time.Second
	// user is a member of system:masters: authorization and fair queuing are not what is compared.
	user = "bench"
)

// peer is one of the two programs that are measured: the API server or the bare one.
type peer struct {
	name string
	// args are those of `etalon`, but for the files and the address, which files.args gives.
	args func(f files, listen string, fsync bool) []string

	process *process.Process
	config  *rest.Config
}

// peers are the API server and what it is measured against.
func peers() []*peer {
	return []*peer{
		{name: "API server", args: func(f files, listen string, fsync bool) []string {
			return []string{"apiserver", "--listen", listen, "--etcd-dir", f.path("apiserver-etcd"), fmt.Sprintf("--fsync=%t", fsync),
				"--tls-cert-file", f.path("server.crt"), "--tls-private-key-file", f.path("server.key"), "--client-ca-file", f.path("ca.crt"),
				"--service-account-key-file", f.path("sa.key"), "--token-auth-file", f.path("tokens.csv")}
		}},
		{name: "bare", args: func(f files, listen string, fsync bool) []string {
			return []string{"bench", "ceiling", "--listen", listen, "--etcd-dir", f.path("bare-etcd"), fmt.Sprintf("--fsync=%t", fsync),
				"--tls-cert-file", f.path("server.crt"), "--tls-private-key-file", f.path("server.key"), "--token-file", f.path("token")}
		}},
	}
}

// files is a directory with what both servers read.
type files struct {
	dir   string
	ca    []byte
	token string
}

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

func newFiles(dir string) (files, error) {
	authority, err := pki.Open(dir, "etalon-bench")
	if err != nil {
		return files{}, err
	}
	_, err = authority.Keep(dir, "server", pki.Subject{Name: "bench", IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err == nil {
		err = pki.KeepKey(filepath.Join(dir, "sa.key"))
	}
	f := files{dir: dir, ca: authority.Cert, token: rand.Text()}
	if err == nil {
		err = os.WriteFile(f.path("tokens.csv"), []byte(strings.Join([]string{f.token, user, user, "system:masters"}, ",")+"\n"), 0o600)
	}
	if err == nil {
		err = os.WriteFile(f.path("token"), []byte(f.token), 0o600)
	}
	return f, err
}

// start runs the peer on data of its own and returns how long it took to be ready.
func (p *peer) start(ctx context.Context, f files, fsync bool) (time.Duration, error) {
	listen, err := freeAddress()
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	p.config = &rest.Config{
		Host: "https://" + listen, BearerToken: f.token, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: f.ca},
	}
	client, err := rest.HTTPClientFor(p.config)
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(f.path(filepath.Base(p.name)+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	command := exec.Command(self, p.args(f, listen, fsync)...)
	command.Stdout, command.Stderr = log, log
	begin := time.Now()
	if p.process, err = process.Start(command); err != nil {
		return 0, err
	}
	if err := p.waitReady(ctx, client); err != nil {
		p.stop()
		tail, _ := os.ReadFile(log.Name())
		return 0, fmt.Errorf("%s is not ready: %w\n%s", p.name, err, tail[max(0, len(tail)-2000):])
	}
	return time.Since(begin), nil
}

func (p *peer) waitReady(ctx context.Context, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var last error
	for {
		if last = ask(ctx, client, p.config.Host+"/readyz"); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last)
		case <-p.process.Done():
			return errors.New("it ended")
		case <-time.After(readyPoll):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return err
}

// stop ends the process and waits until it has gone.
func (p *peer) stop() {
	if p.process != nil {
		p.process.Stop(stopTimeout)
		p.process = nil
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
