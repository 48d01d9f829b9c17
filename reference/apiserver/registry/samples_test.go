package registry_test

// sample is an object of a resource, as the walk through all resources creates it.
type sample struct {
	// manifest lacks apiVersion, kind and metadata, which the walk adds.
	manifest string
	// name is of the object; "sample" if empty.
	name string
	// columns of the table, wide ones with a star, separated by "|".
	columns string
	// fixedMeta: /status does not change labels and annotations.
	fixedMeta bool
	// labelsCount: other labels are a new generation.
	labelsCount bool
	// status is a valid status to apply; with it the walk checks who owns what.
	status string
}

const (
	podTemplate  = `{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v1"}]}}`
	workload     = `"selector":{"matchLabels":{"a":"b"}},"template":` + podTemplate
	jobTemplate  = `{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"etalon.dev/tool:v1"}]}}`
	webhook      = `{"webhooks":[{"name":"w.example.com","sideEffects":"None","admissionReviewVersions":["v1"],"clientConfig":{"url":"https://127.0.0.1/"}}]}`
	constraints  = `"matchConstraints":{"resourceRules":[{"apiGroups":["example.com"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["nothing"]}]}`
	conditionsOf = `{"conditions":[{"type":"Tested","status":"True","reason":"Test","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}`
)

// samples are of every built-in resource that can be created and listed.
var samples = map[string]sample{
	"v1/configmaps":             {manifest: `{"data":{"a":"b"}}`, columns: "Name|Data|Age"},
	"v1/endpoints":              {manifest: `{}`, columns: "Name|Endpoints|Age"},
	"v1/limitranges":            {manifest: `{"spec":{"limits":[{"type":"Container","max":{"cpu":"1"}}]}}`, columns: "Name|Created At"},
	"v1/namespaces":             {manifest: `{}`, columns: "Name|Status|Age", status: `{"phase":"Active"}`},
	"v1/nodes":                  {manifest: `{"spec":{"unschedulable":true}}`, columns: "Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*", status: `{"phase":"Running"}`},
	"v1/persistentvolumeclaims": {manifest: `{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}`, columns: "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*", status: `{"phase":"Lost"}`},
	"v1/persistentvolumes":      {manifest: `{"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/tmp"}}}`, columns: "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode*", status: `{"phase":"Available"}`},
	"v1/pods":                   {manifest: `{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v1"}]}}`, columns: "Name|Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*", status: `{"phase":"Running"}`},
	"v1/podtemplates":           {manifest: `{"template":` + podTemplate + `}`, columns: "Name|Containers|Images|Pod Labels"},
	"v1/replicationcontrollers": {manifest: `{"spec":{"replicas":0,"selector":{"a":"b"},"template":` + podTemplate + `}}`, columns: "Name|Desired|Current|Ready|Age|Containers*|Images*|Selector*", status: `{"replicas":1}`},
	"v1/resourcequotas":         {manifest: `{"spec":{"hard":{"pods":"1k"}}}`, columns: "Name|Request|Limit|Age", status: `{"hard":{"pods":"1k"}}`},
	"v1/secrets":                {manifest: `{}`, columns: "Name|Type|Data|Age"},
	"v1/serviceaccounts":        {manifest: `{}`, columns: "Name|Age"},
	"v1/services":               {manifest: `{"spec":{"ports":[{"port":80}]}}`, columns: "Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*", status: `{"loadBalancer":{}}`},

	"admissionregistration.k8s.io/v1/mutatingadmissionpolicies":       {manifest: `{"spec":{"failurePolicy":"Ignore","reinvocationPolicy":"Never",` + constraints + `,"mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: \"test\", path: \"/a\", value: 1}]"}}]}}`, columns: "Name|Mutations|ParamKind|Age"},
	"admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings": {manifest: `{"spec":{"policyName":"nobody"}}`, columns: "Name|PolicyName|ParamRef|Age"},
	"admissionregistration.k8s.io/v1/mutatingwebhookconfigurations":   {manifest: webhook, columns: "Name|Webhooks|Age"},
	"admissionregistration.k8s.io/v1/validatingadmissionpolicies": {manifest: `{"spec":{` + constraints + `,"validations":[{"expression":"true"}]}}`, columns: "Name|Validations|ParamKind|Age",
		fixedMeta: true, status: conditionsOf},
	"admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": {manifest: `{"spec":{"policyName":"nobody","validationActions":["Deny"]}}`, columns: "Name|PolicyName|ParamRef|Age"},
	"admissionregistration.k8s.io/v1/validatingwebhookconfigurations":   {manifest: webhook, columns: "Name|Webhooks|Age"},

	"apps/v1/controllerrevisions": {manifest: `{"revision":1,"data":{"a":"b"}}`, columns: "Name|Controller|Revision|Age"},
	"apps/v1/daemonsets":          {manifest: `{"spec":{` + workload + `}}`, columns: "Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|Containers*|Images*|Selector*", status: `{"numberReady":1,"currentNumberScheduled":1,"desiredNumberScheduled":1,"numberMisscheduled":0}`},
	"apps/v1/deployments":         {manifest: `{"spec":{` + workload + `}}`, columns: "Name|Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*", status: `{"replicas":1}`},
	"apps/v1/replicasets":         {manifest: `{"spec":{` + workload + `}}`, columns: "Name|Desired|Current|Ready|Age|Containers*|Images*|Selector*", status: `{"replicas":1}`},
	"apps/v1/statefulsets":        {manifest: `{"spec":{"serviceName":"s",` + workload + `}}`, columns: "Name|Ready|Age|Containers*|Images*", status: `{"replicas":1}`},

	"autoscaling/v1/horizontalpodautoscalers": {manifest: `{"spec":{"maxReplicas":2,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}`, columns: "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age", status: `{"desiredReplicas":1,"currentReplicas":1}`},
	"autoscaling/v2/horizontalpodautoscalers": {manifest: `{"spec":{"maxReplicas":2,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}`, columns: "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age", status: `{"desiredReplicas":1,"currentReplicas":1}`},
	"batch/v1/cronjobs":                       {manifest: `{"spec":{"schedule":"* * * * *","suspend":true,"jobTemplate":{"spec":{"template":` + jobTemplate + `}}}}`, columns: "Name|Schedule|Timezone|Suspend|Active|Last Schedule|Age|Containers*|Images*|Selector*", status: `{"lastScheduleTime":"2026-01-01T00:00:00Z"}`},
	"batch/v1/jobs":                           {manifest: `{"spec":{"template":` + jobTemplate + `}}`, columns: "Name|Status|Completions|Duration|Age|Containers*|Images*|Selector*", status: `{"startTime":"2026-01-01T00:00:00Z"}`},

	"certificates.k8s.io/v1/certificatesigningrequests": {manifest: `{"spec":{"signerName":"example.com/s","usages":["client auth"],"request":"REQUEST"}}`, columns: "Name|Age|SignerName|Requestor|RequestedDuration|Condition", status: `{"conditions":[]}`},
	"certificates.k8s.io/v1/clustertrustbundles":        {manifest: `{"spec":{"trustBundle":"AUTHORITY"}}`, columns: "Name|SignerName"},
	"certificates.k8s.io/v1/podcertificaterequests": {manifest: `{"spec":{"signerName":"example.com/s","podName":"p","podUID":"1","serviceAccountName":"default","serviceAccountUID":"2","nodeName":"n","nodeUID":"3","stubPKCS10Request":"STUB"}}`,
		columns: "Name|PodName|ServiceAccountName|NodeName|SignerName|State", fixedMeta: true,
		status: `{"conditions":[{"type":"Denied","status":"True","reason":"Test","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}`},

	"coordination.k8s.io/v1/leases":      {manifest: `{"spec":{"holderIdentity":"me"}}`, columns: "Name|Holder|Age"},
	"discovery.k8s.io/v1/endpointslices": {manifest: `{"addressType":"IPv4","endpoints":[]}`, columns: "Name|AddressType|Ports|Endpoints|Age", labelsCount: true},
	"v1/events": {manifest: `{"involvedObject":{"namespace":"default","kind":"Pod","name":"p"},"reason":"R"}`,
		columns: "Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*"},
	"events.k8s.io/v1/events": {manifest: `{"regarding":{"namespace":"default","kind":"Pod","name":"p"},"reason":"R","type":"Normal","action":"Test","reportingController":"example.com/c","reportingInstance":"i","eventTime":"2026-01-01T00:00:00.000000Z"}`,
		columns: "Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*"},

	"flowcontrol.apiserver.k8s.io/v1/flowschemas": {manifest: `{"spec":{"priorityLevelConfiguration":{"name":"global-default"}}}`, columns: "Name|PriorityLevel|MatchingPrecedence|DistinguisherMethod|Age|MissingPL",
		fixedMeta: true, status: conditionsOf},
	"flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations": {manifest: `{"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Reject"}}}}`,
		columns: "Name|Type|NominalConcurrencyShares|Queues|HandSize|QueueLengthLimit|Age", fixedMeta: true, status: conditionsOf},

	"networking.k8s.io/v1/ingressclasses":  {manifest: `{"spec":{"controller":"example.com/c"}}`, columns: "Name|Controller|Parameters|Age"},
	"networking.k8s.io/v1/ingresses":       {manifest: `{"spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}}`, columns: "Name|Class|Hosts|Address|Ports|Age", status: `{"loadBalancer":{"ingress":[{"ip":"192.0.2.7"}]}}`},
	"networking.k8s.io/v1/ipaddresses":     {name: "192.0.2.9", manifest: `{"spec":{"parentRef":{"resource":"services","namespace":"default","name":"s"}}}`, columns: "Name|ParentRef|Age"},
	"networking.k8s.io/v1/networkpolicies": {manifest: `{"spec":{"podSelector":{}}}`, columns: "Name|Pod-Selector|Age"},
	"networking.k8s.io/v1/servicecidrs":    {manifest: `{"spec":{"cidrs":["198.51.100.0/24"]}}`, columns: "Name|CIDRs|Age", status: conditionsOf},

	"node.k8s.io/v1/runtimeclasses":  {manifest: `{"handler":"h"}`, columns: "Name|Handler|Age"},
	"policy/v1/poddisruptionbudgets": {manifest: `{"spec":{"minAvailable":1,"selector":{"matchLabels":{"a":"b"}}}}`, columns: "Name|Min Available|Max Unavailable|Allowed Disruptions|Age", status: `{"currentHealthy":1,"desiredHealthy":1,"disruptionsAllowed":0,"expectedPods":1}`},

	"rbac.authorization.k8s.io/v1/clusterrolebindings": {manifest: `{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}`, columns: "Name|Role|Age|Users*|Groups*|ServiceAccounts*"},
	"rbac.authorization.k8s.io/v1/clusterroles":        {manifest: `{"rules":[]}`, columns: "Name|Created At"},
	"rbac.authorization.k8s.io/v1/rolebindings":        {manifest: `{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}`, columns: "Name|Role|Age|Users*|Groups*|ServiceAccounts*"},
	"rbac.authorization.k8s.io/v1/roles":               {manifest: `{"rules":[]}`, columns: "Name|Created At"},

	"resource.k8s.io/v1/deviceclasses":          {manifest: `{"spec":{"selectors":[{"cel":{"expression":"device.driver == 'gpu.example.com'"}}]}}`, columns: "Name|Age"},
	"resource.k8s.io/v1/devicetaintrules":       {manifest: `{"spec":{"taint":{"key":"example.com/broken","effect":"None"}}}`, columns: "Name|Age", fixedMeta: true, status: conditionsOf},
	"resource.k8s.io/v1/resourceclaims":         {manifest: `{"spec":{"devices":{"requests":[{"name":"gpu","exactly":{"deviceClassName":"gpu.example.com"}}]}}}`, columns: "Name|State|Age", fixedMeta: true, status: `{"allocation":{"devices":{"results":[{"request":"gpu","driver":"gpu.example.com","pool":"p","device":"d"}]}}}`},
	"resource.k8s.io/v1/resourceclaimtemplates": {manifest: `{"spec":{"spec":{"devices":{"requests":[{"name":"gpu","exactly":{"deviceClassName":"gpu.example.com"}}]}}}}`, columns: "Name|Age"},
	"resource.k8s.io/v1/resourceslices":         {manifest: `{"spec":{"driver":"gpu.example.com","nodeName":"n","pool":{"name":"n","resourceSliceCount":1,"generation":1},"devices":[{"name":"d"}]}}`, columns: "Name|Node|Driver|Pool|Age"},

	"scheduling.k8s.io/v1/priorityclasses":                {manifest: `{"value":7}`, columns: "Name|Value|Global-Default|Age|PreemptionPolicy"},
	"storage.k8s.io/v1/csidrivers":                        {manifest: `{"spec":{}}`, columns: "Name|AttachRequired|PodInfoOnMount|StorageCapacity|TokenRequests|RequiresRepublish|Modes|Age"},
	"storage.k8s.io/v1/csinodes":                          {manifest: `{"spec":{"drivers":[]}}`, columns: "Name|Drivers|Age"},
	"storage.k8s.io/v1/csistoragecapacities":              {manifest: `{"storageClassName":"sc"}`, columns: "Name|StorageClassName|Capacity"},
	"storage.k8s.io/v1/storageclasses":                    {manifest: `{"provisioner":"example.com/p"}`, columns: "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age"},
	"storage.k8s.io/v1/volumeattachments":                 {manifest: `{"spec":{"attacher":"example.com","nodeName":"n","source":{"persistentVolumeName":"pv"}}}`, columns: "Name|Attacher|PV|Node|Attached|Age", fixedMeta: true, status: `{"attached":true}`},
	"storage.k8s.io/v1/volumeattributesclasses":           {manifest: `{"driverName":"example.com","parameters":{"a":"b"}}`, columns: "Name|DriverName|Age"},
	"storagemigration.k8s.io/v1/storageversionmigrations": {manifest: `{"spec":{"resource":{"group":"apps","resource":"deployments"}}}`, columns: "Name|Resource", fixedMeta: true, status: conditionsOf},
}
