// Package storage keeps the API's objects in etcd: an etcd member embedded in this process, called
// by function call, or an external cluster over gRPC.
package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	apistorage "k8s.io/apiserver/pkg/storage"
	etcdfeature "k8s.io/apiserver/pkg/storage/feature"
)

// startTimeout is how long an embedded etcd may take to replay its log and elect itself.
const startTimeout = time.Minute

// EtcdOptions says where an embedded etcd keeps its data.
type EtcdOptions struct {
	// Dir is the data directory; it is created with mode 0700.
	Dir string
	// Fsync makes each acknowledged write survive a power cut. Without it writes survive the
	// death of the process, not of the machine.
	Fsync bool
}

// Etcd is an embedded, single-member etcd.
type Etcd struct{ server *embed.Etcd }

// StartEtcd starts an embedded etcd and waits until it can serve. It listens on no network
// address, only on a Unix socket below Dir that nobody but the owner can reach.
func StartEtcd(ctx context.Context, o EtcdOptions) (*Etcd, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkWritable(o.Dir); err != nil {
		return nil, err
	}
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(o.Dir, "member.etcd")
	cfg.UnsafeNoFsync = !o.Fsync
	cfg.LogLevel = "error"
	client := []url.URL{{Scheme: "unix", Path: filepath.Join(o.Dir, "client.sock")}}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = client, client
	// A single member has no peers. It needs a name to be known by, but nobody to listen to: etcd
	// would listen on an abstract socket, which every user of the machine can reach.
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = nil, []url.URL{{Scheme: "unix", Path: filepath.Join(o.Dir, "peer.sock")}}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs, cfg.ElectionMs = 10, 100 // a single member has nobody to wait for
	cfg.QuotaBackendBytes = 8 << 30
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("start etcd in %s: %w", o.Dir, err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return &Etcd{server}, nil
	case err := <-server.Err():
		server.Close()
		return nil, fmt.Errorf("etcd in %s: %w", o.Dir, err)
	case <-ctx.Done():
		server.Close()
		return nil, ctx.Err()
	case <-time.After(startTimeout):
		server.Close()
		return nil, fmt.Errorf("etcd in %s was not ready after %s", o.Dir, startTimeout)
	}
}

// checkWritable fails early, with the path and the reason, where etcd would panic.
func checkWritable(dir string) error {
	probe := filepath.Join(dir, ".writable")
	err := os.WriteFile(probe, make([]byte, 4096), 0o600)
	if rmErr := os.Remove(probe); err == nil {
		err = rmErr
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("etcd cannot write to %s: the disk is full", dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("etcd cannot write to %s: the file system is read-only", dir)
	case err != nil:
		return fmt.Errorf("etcd cannot write to %s: %w", dir, err)
	}
	return nil
}

// Client returns a client that calls the server directly, without a connection.
func (e *Etcd) Client() *kubernetes.Client {
	client := &kubernetes.Client{Client: v3client.New(e.server.Server)}
	client.Kubernetes = client
	// The feature checker asks each endpoint for its version, and this client has no endpoints;
	// told by hand, it lets consistent reads be served from the watch cache.
	etcdfeature.DefaultFeatureSupportChecker.CheckClient(context.Background(), embeddedStatus{}, apistorage.RequestWatchProgress)
	return client
}

// Endpoint is the address of the client socket.
func (e *Etcd) Endpoint() string { return e.server.Config().AdvertiseClientUrls[0].String() }

// Err reports a failure after which etcd no longer serves.
func (e *Etcd) Err() <-chan error { return e.server.Err() }

// Close stops the server after a last flush.
func (e *Etcd) Close() { e.server.Close() }

// embeddedStatus answers the feature checker for the embedded server.
type embeddedStatus struct{}

func (embeddedStatus) Endpoints() []string { return []string{"embedded"} }

func (embeddedStatus) Status(context.Context, string) (*clientv3.StatusResponse, error) {
	return &clientv3.StatusResponse{Version: "3.7.3"}, nil
}
