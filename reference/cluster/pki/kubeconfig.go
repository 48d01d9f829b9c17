package pki

import (
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"k8s.io/client-go/tools/clientcmd"
)

// Kubeconfig describes one user's way to one API server; everything is inside, no other file is needed.
type Kubeconfig struct {
	// Cluster and User name the entries; the context is named User@Cluster, or Context where that is set.
	Cluster, User, Context string
	// Server is the URL of the API server, CA the certificate that it is checked with.
	Server string
	CA     []byte
	// Client or Token prove who the user is.
	Client Pair
	Token  string
}

// Render returns it as YAML.
func (k Kubeconfig) Render() ([]byte, error) {
	context := k.Context
	if context == "" {
		context = k.User + "@" + k.Cluster
	}
	config := clientcmdapi.NewConfig()
	config.CurrentContext = context
	config.Contexts[context] = &clientcmdapi.Context{Cluster: k.Cluster, AuthInfo: k.User}
	config.Clusters[k.Cluster] = &clientcmdapi.Cluster{Server: k.Server, CertificateAuthorityData: k.CA}
	config.AuthInfos[k.User] = &clientcmdapi.AuthInfo{ClientCertificateData: k.Client.Cert, ClientKeyData: k.Client.Key, Token: k.Token}
	return clientcmd.Write(*config)
}

// Public returns the part of it that tells where the API server is, without a user, as YAML.
func (k Kubeconfig) Public() ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[k.Cluster] = &clientcmdapi.Cluster{Server: k.Server, CertificateAuthorityData: k.CA}
	return clientcmd.Write(*config)
}
