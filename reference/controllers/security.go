package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/controllers/bootstrap"
	"github.com/etalon-dev/etalon/reference/controllers/certificates"
	"github.com/etalon-dev/etalon/reference/controllers/clusterroleaggregation"
	"github.com/etalon-dev/etalon/reference/controllers/clustertrustbundlepublisher"
	"github.com/etalon-dev/etalon/reference/controllers/legacytokencleaner"
	"github.com/etalon-dev/etalon/reference/controllers/rootca"
	"github.com/etalon-dev/etalon/reference/controllers/serviceaccount"
	"github.com/etalon-dev/etalon/reference/controllers/serviceaccounttoken"
)

const rootCAName = "root-ca-certificate-publisher-controller"

// security are the controllers that give and check identities.
var security = []registration{
	{"serviceaccount-controller", 2, func(e *env) runner { return serviceaccount.New(e.client, e.shared) }},
	{serviceaccounttoken.Name, 2, func(e *env) runner {
		if e.legacyIssuer == nil {
			return nil
		}
		return serviceaccounttoken.New(e.client, e.shared, e.legacyIssuer, e.RootCA)
	}},
	{legacytokencleaner.Name, 1, func(e *env) runner { return legacytokencleaner.New(e.client, legacytokencleaner.DefaultPeriod) }},
	{certificates.SigningName, 1, func(e *env) runner {
		if e.ClusterSigning == nil {
			return nil
		}
		return certificates.NewSigning(e.client, e.shared, e.ClusterSigning)
	}},
	{certificates.ApprovingName, 1, func(e *env) runner { return certificates.NewApproving(e.client, e.shared) }},
	{certificates.CleanerName, 1, func(e *env) runner { return certificates.NewCleaner(e.client, e.shared) }},
	{certificates.PodCleanerName, 1, func(e *env) runner { return certificates.NewPodCleaner(e.client, e.shared) }},
	{clustertrustbundlepublisher.Name, 1, func(e *env) runner {
		publisher, err := clustertrustbundlepublisher.New(e.client, e.RootCA)
		if err != nil {
			return nil
		}
		return publisher
	}},
	{bootstrap.SignerName, 1, func(e *env) runner { return bootstrap.NewSigner(e.client, e.shared) }},
	{bootstrap.CleanerName, 1, func(e *env) runner { return bootstrap.NewCleaner(e.client, e.shared) }},
	{rootCAName, 2, func(e *env) runner { return rootca.New(e.client, e.shared, e.RootCA) }},
	{clusterroleaggregation.Name, 2, func(e *env) runner { return clusterroleaggregation.New(e.client, e.shared) }},
}

// securityRules is what they write.
var securityRules = []rbacv1.PolicyRule{
	allow("", "serviceaccounts", "create"),
	allow("", "secrets", "update", "delete", "patch"),
	allow("", "configmaps", "create"),
	allow("rbac.authorization.k8s.io", "clusterroles", "escalate"),
	allow("certificates.k8s.io", "certificatesigningrequests/approval", "update"),
	allow("certificates.k8s.io", "certificatesigningrequests/status", "update"),
	allowNamed("certificates.k8s.io", "signers", []string{"kubernetes.io/kube-apiserver-client-kubelet"}, "approve"),
	allowNamed("certificates.k8s.io", "signers", []string{
		"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/legacy-unknown"}, "sign"),
	allow("certificates.k8s.io", "clustertrustbundles", "create"),
	allowNamed("certificates.k8s.io", "signers", []string{"kubernetes.io/kube-apiserver-serving"}, "attest"),
	allow("authorization.k8s.io", "subjectaccessreviews", "create"),
}
