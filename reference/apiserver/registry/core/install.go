package core

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// Config is what the core group needs to know beside where objects are stored.
type Config struct {
	Getter apigeneric.RESTOptionsGetter
	// ServiceRanges are the ranges of cluster IPs: one, or one of each family.
	ServiceRanges []netip.Prefix
	NodePorts     allocator.PortRange
	// These belong to other groups. ServiceCIDRs extend the ranges; nil: nothing does.
	IPAddresses, ServiceCIDRs, PodDisruptionBudgets *generic.REST
}

// Storage is the group's resources, by the name they are served under.
type Storage struct {
	Map     map[string]rest.Storage
	numbers *serviceNumbers
}

// REST returns the storage of a resource that this package has installed under its plural name.
func (s *Storage) REST(plural string) *generic.REST {
	switch r := s.Map[plural].(type) {
	case *generic.REST:
		return r
	case *serviceREST:
		return r.REST
	case *namespaceREST:
		return r.store
	default:
		panic(fmt.Sprintf("core group: no resource %q", plural))
	}
}

// RepairServices makes the records of cluster IPs and node ports agree with the Services stored. Run
// it now and then; it is safe beside requests and on several servers.
func (s *Storage) RepairServices(ctx context.Context, tell Tell) error {
	return s.numbers.repair(ctx, tell)
}

// Install builds the resources of the core group.
func Install(cfg Config) (*Storage, error) {
	if len(cfg.ServiceRanges) == 0 {
		return nil, errors.New("core group: the service address range is missing")
	}
	m := map[string]rest.Storage{}
	err := generic.Install(m, cfg.Getter, &Pods, &Nodes, &Namespaces, &ConfigMaps, &Secrets, &ServiceAccounts, &Endpoints, &Events,
		&ReplicationControllers, &LimitRanges, &ResourceQuotas, &PodTemplates, &PersistentVolumes, &PersistentVolumeClaims)
	if err != nil {
		return nil, err
	}
	s := &Storage{Map: m}
	s.addPods(cfg)
	s.addNamespaces()
	replicationControllers := s.REST("replicationcontrollers").Store
	m["replicationcontrollers/scale"] = generic.NewScale(replicationControllers, corev1.SchemeGroupVersion, replicationControllerScale)
	return s, s.addServices(cfg)
}

func (s *Storage) addPods(cfg Config) {
	pods := s.REST("pods").Store
	b := &binding{pods}
	s.Map["pods/binding"] = b
	s.Map["bindings"] = bindings{b}
	s.Map["pods/eviction"] = &eviction{pods, cfg.PodDisruptionBudgets.Store}
	s.Map["pods/ephemeralcontainers"] = generic.NewSubresource(pods, Pods.UpdateStrategy(ephemeralContainers))
	s.Map["pods/resize"] = generic.NewSubresource(pods, Pods.UpdateStrategy(resize))
}

func (s *Storage) addNamespaces() {
	namespaces := s.REST("namespaces")
	s.Map["namespaces"] = &namespaceREST{namespaces}
	s.Map["namespaces/finalize"] = finalizeREST{generic.NewSubresource(namespaces.Store, Namespaces.UpdateStrategy(finalize))}
}

func (s *Storage) addServices(cfg Config) error {
	n := &serviceNumbers{families: familiesOf(cfg.ServiceRanges), addresses: map[corev1.IPFamily]*allocator.Addresses{}}
	var cidrs *genericregistry.Store
	if cfg.ServiceCIDRs != nil {
		cidrs = cfg.ServiceCIDRs.Store
	}
	for i, prefix := range cfg.ServiceRanges {
		n.addresses[n.families[i]] = allocator.NewAddresses(cfg.IPAddresses.Store, n.families[i], serviceRanges(prefix, cidrs))
	}
	cfg.IPAddresses.Store.AfterDelete = n.afterAddressDeleted
	var err error
	if n.ports, err = allocator.NewPorts(cfg.Getter, cfg.NodePorts); err != nil {
		return err
	}
	resource := Services
	resource.Customize = n.hooks(func() *genericregistry.Store { return s.REST("endpoints").Store })
	services, err := resource.Install(s.Map, cfg.Getter)
	if err != nil {
		return err
	}
	n.services = services.Store
	s.numbers = n
	s.Map["services"] = &serviceREST{services, n}
	return nil
}
