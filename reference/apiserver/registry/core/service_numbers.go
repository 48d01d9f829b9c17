package core

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
)

// serviceNumbers takes and releases the cluster IPs and node ports of Services.
type serviceNumbers struct {
	addresses map[corev1.IPFamily]*allocator.Addresses
	families  []corev1.IPFamily // the keys of addresses, the default one first
	ports     *allocator.Ports
	services  *genericregistry.Store
}

// attempt is what one write of a Service took and, if it succeeds, no longer needs.
type attempt struct {
	claim          allocator.Claim
	taken, surplus numbers
}

// allocate gives s the numbers that its type needs and that old (nil: s is new) does not hold. What
// it took is in the attempt even if it fails.
func (r *serviceNumbers) allocate(ctx context.Context, a *attempt, s, old *corev1.Service) error {
	if s.Name == "" {
		return nil // nobody to hold them; validation will refuse it
	}
	a.claim.Holder = allocator.Holder{Namespace: s.Namespace, Name: s.Name}
	var held numbers
	if old != nil {
		held = numbersOf(old)
	}
	if needsClusterIP(s) {
		if errs := setFamilies(s, old, r.families); len(errs) > 0 {
			return invalidService(s, errs)
		}
		if err := r.allocateAddresses(ctx, a, s, held); err != nil {
			return err
		}
	}
	if mayHaveNodePorts(s) {
		if err := r.allocatePorts(ctx, a, s, held); err != nil {
			return err
		}
	}
	a.surplus = held.minus(numbersOf(s))
	return nil
}

// allocateAddresses gives s one address of each of its families.
func (r *serviceNumbers) allocateAddresses(ctx context.Context, a *attempt, s *corev1.Service, held numbers) error {
	spec := &s.Spec
	if isHeadless(s) || len(spec.ClusterIPs) > len(spec.IPFamilies) || len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != spec.ClusterIP {
		return nil // it needs none, or validation will refuse it
	}
	ips := make([]string, len(spec.IPFamilies))
	for i, ip := range spec.ClusterIPs { // what is asked for first, lest it be given away
		addr, err := netip.ParseAddr(ip)
		if err != nil || familyOf(addr) != spec.IPFamilies[i] {
			return nil // validation will refuse it
		}
		ips[i] = ip
		if held.hasAddress(addr) {
			continue
		}
		allocate, ok := r.addresses[spec.IPFamilies[i]]
		if !ok {
			return nil // as it was before the cluster lost this family
		}
		if err := allocate.Take(ctx, addr, a.claim); err != nil {
			return invalidService(s, field.ErrorList{field.Invalid(field.NewPath("spec", "clusterIPs"), spec.ClusterIPs,
				fmt.Sprintf("failed to allocate IP %v: %v", addr, err))})
		}
		a.taken.addresses = append(a.taken.addresses, addr)
	}
	for i := len(spec.ClusterIPs); i < len(ips); i++ {
		allocate, ok := r.addresses[spec.IPFamilies[i]]
		if !ok {
			return nil
		}
		addr, err := allocate.TakeAny(ctx, a.claim)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		a.taken.addresses = append(a.taken.addresses, addr)
		ips[i] = addr.String()
	}
	if len(ips) > 0 {
		spec.ClusterIP, spec.ClusterIPs = ips[0], ips
	}
	return nil
}

func (r *serviceNumbers) allocatePorts(ctx context.Context, a *attempt, s *corev1.Service, held numbers) error {
	path := field.NewPath("spec", "ports")
	mine := numbers{ports: append([]int(nil), held.ports...)}
	byPort := map[int32]int32{} // one node port for a port of several protocols, as for DNS
	explicit := func(port int, where *field.Path) error {
		if port == 0 || mine.hasPort(port) {
			return nil
		}
		if err := r.ports.Take(ctx, port, a.claim); err != nil {
			return invalidService(s, field.ErrorList{field.Invalid(where, port, err.Error())})
		}
		a.taken.addPort(port)
		mine.addPort(port)
		return nil
	}
	for i := range s.Spec.Ports { // what is asked for first, lest it be given away
		p := &s.Spec.Ports[i]
		if err := explicit(int(p.NodePort), path.Index(i).Child("nodePort")); err != nil {
			return err
		}
		if p.NodePort != 0 {
			byPort[p.Port] = p.NodePort
		}
	}
	if err := explicit(int(s.Spec.HealthCheckNodePort), field.NewPath("spec", "healthCheckNodePort")); err != nil {
		return err
	}
	free := func() (int32, error) {
		port, err := r.ports.TakeAny(ctx, a.claim)
		if err != nil {
			return 0, apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
		}
		a.taken.addPort(port)
		return int32(port), nil
	}
	var err error
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if p.NodePort != 0 || !needsNodePorts(s) {
			continue
		}
		if p.NodePort = byPort[p.Port]; p.NodePort == 0 {
			if p.NodePort, err = free(); err != nil {
				return err
			}
			byPort[p.Port] = p.NodePort
		}
	}
	if needsHealthCheckPort(s) && s.Spec.HealthCheckNodePort == 0 {
		s.Spec.HealthCheckNodePort, err = free()
	}
	return err
}

func invalidService(s *corev1.Service, errs field.ErrorList) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), s.Name, errs)
}

// settleTimeout bounds the release of numbers after a request, which outlives the request.
const settleTimeout = 10 * time.Second

// settle ends an attempt: it releases what it took in vain, or what the Service no longer needs.
func (r *serviceNumbers) settle(ctx context.Context, a *attempt, succeeded bool) {
	if a.claim.DryRun {
		return
	}
	if succeeded {
		r.release(ctx, a.claim.Holder, a.surplus)
	} else {
		r.release(ctx, a.claim.Holder, a.taken)
	}
}

// release releases numbers of h, except those that h uses as it is stored now: another request may
// have given them to it meanwhile. A failure leaves a leak, which repair mends.
func (r *serviceNumbers) release(ctx context.Context, h allocator.Holder, n numbers) {
	if len(n.addresses) == 0 && len(n.ports) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	current, err := r.get(ctx, h)
	if err == nil && current != nil {
		n = n.minus(numbersOf(current))
	}
	errs := []error{err}
	if err == nil {
		for _, addr := range n.addresses {
			errs = append(errs, r.addresses[r.families[0]].Release(ctx, addr, h)) // the record is one
		}
		for _, port := range n.ports {
			errs = append(errs, r.ports.Release(ctx, port, h))
		}
	}
	if err := errors.Join(errs...); err != nil {
		klog.FromContext(ctx).Error(err, "Numbers of a Service stay allocated until the next repair", "service", h, "addresses", n.addresses, "ports", n.ports)
	}
}

// get returns the Service as it is stored, nil if it is not.
func (r *serviceNumbers) get(ctx context.Context, h allocator.Holder) (*corev1.Service, error) {
	obj, err := r.services.Get(genericapirequest.WithNamespace(ctx, h.Namespace), h.Name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Service), nil
}
