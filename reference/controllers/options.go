package controllers

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
	"github.com/etalon-dev/etalon/reference/controllers/attachdetach"
	"github.com/etalon-dev/etalon/reference/controllers/certificates"
	"github.com/etalon-dev/etalon/reference/controllers/horizontalpodautoscaler"
	"github.com/etalon-dev/etalon/reference/controllers/nodeipam"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/servicelb"
)

// Options say which controllers run and how. The zero value of each but Config
// and RootCA is its default.
type Options struct {
	// Config is how to reach the API server. Required.
	Config *rest.Config
	// RootCA is what kube-root-ca.crt holds, PEM. Required unless the controller
	// that publishes it is off.
	RootCA []byte
	// ServiceAccountKey signs the tokens of Secrets of the type
	// kubernetes.io/service-account-token. Without it those stay empty.
	ServiceAccountKey crypto.Signer
	// ClusterSigning signs CertificateSigningRequests. Without it those that are
	// approved stay unsigned.
	ClusterSigning *certificates.Authority
	// LoadBalancer makes what Services of the type LoadBalancer ask for. Without it
	// those have no address.
	LoadBalancer servicelb.LoadBalancer
	// Controllers are the names of those to run: "*" for all, "foo" for foo,
	// "-foo" for all but foo. None is the same as "*".
	Controllers []string
	// LeaderElect makes the process wait until it holds the Lease
	// kube-system/kube-controller-manager.
	LeaderElect bool
	// Identity is the holder's name in that Lease; the host's name and a random
	// part if empty. A process that takes up the identity of one that has crashed
	// need not wait for the Lease to run out; no two may live at once.
	Identity string
	// NodeLifecycle says how patient to be with nodes.
	NodeLifecycle nodelifecycle.Options
	// NodeIPAM says what ranges of addresses to give to nodes; none if it is zero.
	NodeIPAM nodeipam.Options
	// TerminatedPodGCThreshold is how many finished pods are kept; 12500 if zero,
	// all if negative.
	TerminatedPodGCThreshold int
	// Provisioners make and delete volumes, by the names that StorageClasses know them by. Any other provisioner
	// works outside.
	Provisioners map[string]persistentvolume.Provisioner
	// HorizontalPodAutoscaler is what is the same for all autoscalers.
	HorizontalPodAutoscaler horizontalpodautoscaler.Options
	// AttachDetach says how volumes are attached and detached.
	AttachDetach attachdetach.Options
	// MetricsBindAddress is where /healthz and /metrics are served, HTTP; nowhere
	// if empty.
	MetricsBindAddress string

	legacyIssuer *serviceaccount.Issuer // with ServiceAccountKey
}

func (o *Options) complete() error {
	if o.Config == nil {
		return errors.New("no way to reach the API server was given")
	}
	if err := o.NodeLifecycle.Complete(); err != nil {
		return err
	}
	if err := o.NodeIPAM.Check(); err != nil {
		return err
	}
	switch {
	case o.TerminatedPodGCThreshold == 0:
		o.TerminatedPodGCThreshold = podgc.DefaultThreshold
	case o.TerminatedPodGCThreshold < 0:
		o.TerminatedPodGCThreshold = 0
	}
	if err := o.HorizontalPodAutoscaler.Complete(); err != nil {
		return err
	}
	if o.ServiceAccountKey != nil {
		var err error
		if o.legacyIssuer, err = serviceaccount.NewLegacyIssuer(o.ServiceAccountKey); err != nil {
			return err
		}
	}
	chosen, err := choose(o.Controllers)
	if err != nil {
		return err
	}
	if slices.Contains(chosen, rootCAName) && len(o.RootCA) == 0 {
		return fmt.Errorf("controller %s needs a root certificate to publish; give one or turn it off", rootCAName)
	}
	return nil
}

// choose returns the names of the controllers that the list selects, in the
// order in which they are started.
func choose(list []string) ([]string, error) {
	known := Names()
	all := len(list) == 0
	on, off := map[string]bool{}, map[string]bool{}
	for _, item := range list {
		name, negated := strings.CutPrefix(strings.TrimSpace(item), "-")
		switch {
		case name == "*" && !negated:
			all = true
			continue
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("there is no controller %q; there are %s", name, strings.Join(known, ", "))
		case negated:
			off[name] = true
		default:
			on[name] = true
		}
	}
	var chosen []string
	for _, name := range known {
		if (all || on[name]) && !off[name] {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}
