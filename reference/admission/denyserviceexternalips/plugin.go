// Package denyserviceexternalips refuses new external IPs of Services, by which a user could take
// over other people's traffic (CVE-2020-8554).
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#denyserviceexternalips
package denyserviceexternalips

import (
	"context"
	"errors"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "DenyServiceExternalIPs"

var errDenied = errors.New("Use of external IPs is denied by admission control") //lint:ignore ST1005 the text that users know

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges Services.
type Plugin struct{ *admission.Handler }

var _ admission.ValidationInterface = &Plugin{}

// New returns the plugin; it needs nothing.
func New() *Plugin { return &Plugin{admission.NewHandler(admission.Create, admission.Update)} }

// Validate refuses every address that the Service did not have before; those it has may stay or go.
func (*Plugin) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, corev1.Resource("services")) {
		return nil
	}
	service, err := request.Object[*corev1.Service](a)
	if err != nil {
		return err
	}
	var have []string
	if a.GetOldObject() != nil {
		old, err := request.Old[*corev1.Service](a)
		if err != nil {
			return err
		}
		have = old.Spec.ExternalIPs
	}
	if slices.ContainsFunc(service.Spec.ExternalIPs, func(ip string) bool { return !slices.Contains(have, ip) }) {
		return admission.NewForbidden(a, errDenied)
	}
	return nil
}
