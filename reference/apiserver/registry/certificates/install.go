package certificates

import (
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// Install builds the resources of the certificates group.
func Install(getter apigeneric.RESTOptionsGetter) (map[string]rest.Storage, error) {
	m := map[string]rest.Storage{}
	r := &CertificateSigningRequests
	requests, err := r.Install(m, getter)
	if err != nil {
		return nil, err
	}
	m[r.Plural+"/approval"] = generic.NewSubresource(requests.Store, r.UpdateStrategy(approval))
	return m, generic.Install(m, getter, &ClusterTrustBundles, &PodCertificateRequests)
}
