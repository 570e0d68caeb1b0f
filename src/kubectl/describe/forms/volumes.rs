//! Volumes, by the field that says what they are: the type, then what is said of it.

use super::Form;

/// What is said otherwise of volumes that exist by themselves.
pub(super) const PERSISTENT: &[Form] = &[
    (
        "glusterfs",
        "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)
:endpoints     EndpointsName
:endpointsNamespace=<unset>     EndpointsNamespace
:path     Path
:readOnly=false     ReadOnly",
    ),
    (
        "scaleIO",
        "ScaleIO (a persistent volume backed by a block device in ScaleIO)
:gateway     Gateway
:system     System
:protectionDomain     Protection Domain
:storagePool     Storage Pool
:storageMode     Storage Mode
:volumeName     VolumeName
:secretRef.name     SecretName
:secretRef.namespace     SecretNamespace
:fsType     FSType
:readOnly=false     ReadOnly",
    ),
    (
        "azureFile",
        "AzureFile (an Azure File Service mount on the host and bind mount to the pod)
:secretName     SecretName
:secretNamespace     SecretNamespace
:shareName     ShareName
:readOnly=false     ReadOnly",
    ),
    (
        "csi",
        "CSI (a Container Storage Interface (CSI) volume source)
:driver     Driver
:fsType     FSType
:volumeHandle     VolumeHandle
:readOnly=false     ReadOnly
~volumeAttributes     VolumeAttributes|    {k}={v}",
    ),
    (
        "local",
        "LocalVolume (a persistent volume backed by local storage on a node)
:path     Path",
    ),
];

pub(super) const FORMS: &[Form] = &[
    (
        "hostPath",
        "HostPath (bare host directory volume)
:path     Path
:type:n     HostPathType",
    ),
    (
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)
:medium     Medium
:sizeLimit=<unset>     SizeLimit",
    ),
    (
        "gcePersistentDisk",
        "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)
:pdName     PDName
:fsType     FSType
:partition=0     Partition
:readOnly=false     ReadOnly",
    ),
    (
        "awsElasticBlockStore",
        "AWSElasticBlockStore (a Persistent Disk resource in AWS)
:volumeID     VolumeID
:fsType     FSType
:partition=0     Partition
:readOnly=false     ReadOnly",
    ),
    (
        "gitRepo",
        "GitRepo (a volume that is pulled from git when the pod is created)
:repository     Repository
:revision     Revision",
    ),
    (
        "secret",
        "Secret (a volume populated by a Secret)
:secretName     SecretName
:optional=false     Optional",
    ),
    (
        "configMap",
        "ConfigMap (a volume populated by a ConfigMap)
:name     Name
:optional=false     Optional",
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)
:server     Server
:path     Path
:readOnly=false     ReadOnly",
    ),
    (
        "iscsi",
        "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)
:targetPortal     TargetPortal
:iqn     IQN
:lun=0     Lun
    ISCSIInterface\t{iscsiInterface}
:fsType     FSType
:readOnly=false     ReadOnly
:portals=[]     Portals
:chapAuthDiscovery=false     DiscoveryCHAPAuth
:chapAuthSession=false     SessionCHAPAuth
:secretRef:R     SecretRef
:initiatorName=<none>     InitiatorName",
    ),
    (
        "glusterfs",
        "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)
:endpoints     EndpointsName
:path     Path
:readOnly=false     ReadOnly",
    ),
    (
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
:claimName     ClaimName
:readOnly=false     ReadOnly",
    ),
    (
        "ephemeral",
        "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)
.volumeClaimTemplate >claimTemplate",
    ),
    (
        "rbd",
        "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)
:monitors=[]     CephMonitors
:image     RBDImage
:fsType     FSType
:pool     RBDPool
:user     RadosUser
:keyring     Keyring
:secretRef:R     SecretRef
:readOnly=false     ReadOnly",
    ),
    (
        "quobyte",
        "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)
:registry     Registry
:volume     Volume
:readOnly=false     ReadOnly",
    ),
    (
        "downwardAPI",
        "DownwardAPI (a volume populated by information about the pod)
    Items:
*items       {fieldRef.fieldPath}{resourceFieldRef.resource} -> {path}",
    ),
    (
        "azureDisk",
        "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)
:diskName     DiskName
:diskURI     DiskURI
    Kind: \t{kind}
:fsType     FSType
:cachingMode     CachingMode
:readOnly=false     ReadOnly",
    ),
    (
        "vsphereVolume",
        "vSphereVolume (a Persistent Disk resource in vSphere)
:volumePath     VolumePath
:fsType     FSType
:storagePolicyName     StoragePolicyName",
    ),
    (
        "cinder",
        "Cinder (a Persistent Disk resource in OpenStack)
:volumeID     VolumeID
:fsType     FSType
:readOnly=false     ReadOnly
:secretRef:R     SecretRef",
    ),
    (
        "photonPersistentDisk",
        "PhotonPersistentDisk (a Persistent Disk resource in photon platform)
:pdID     PdID
:fsType     FSType",
    ),
    (
        "portworxVolume",
        "PortworxVolume (a Portworx Volume resource)
:volumeID     VolumeID",
    ),
    (
        "scaleIO",
        "ScaleIO (a persistent volume backed by a block device in ScaleIO)
:gateway     Gateway
:system     System
:protectionDomain     Protection Domain
:storagePool     Storage Pool
:storageMode     Storage Mode
:volumeName     VolumeName
:fsType     FSType
:readOnly=false     ReadOnly",
    ),
    (
        "cephfs",
        "CephFS (a CephFS mount on the host that shares a pod's lifetime)
:monitors=[]     Monitors
:path     Path
:user     User
:secretFile     SecretFile
:secretRef:R     SecretRef
:readOnly=false     ReadOnly",
    ),
    (
        "storageos",
        "StorageOS (a StorageOS Persistent Disk resource)
:volumeName     VolumeName
:volumeNamespace     VolumeNamespace
:fsType     FSType
:readOnly=false     ReadOnly",
    ),
    (
        "fc",
        "FC (a Fibre Channel disk)
:targetWWNs:;     TargetWWNs
:lun=<none>     LUN
:fsType     FSType
:readOnly=false     ReadOnly",
    ),
    (
        "azureFile",
        "AzureFile (an Azure File Service mount on the host and bind mount to the pod)
:secretName     SecretName
:shareName     ShareName
:readOnly=false     ReadOnly",
    ),
    (
        "flexVolume",
        "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)
:driver     Driver
:fsType     FSType
:secretRef:R     SecretRef
:readOnly=false     ReadOnly
:options=map[]     Options",
    ),
    (
        "flocker",
        "Flocker (a Flocker volume mounted by the Flocker agent)
:datasetName     DatasetName
:datasetUUID     DatasetUUID",
    ),
    (
        "projected",
        "Projected (a volume that contains injected data from multiple sources)
*sources >projected",
    ),
    (
        "csi",
        "CSI (a Container Storage Interface (CSI) volume source)
:driver     Driver
:fsType     FSType
:readOnly=false     ReadOnly
~volumeAttributes     VolumeAttributes|    {k}={v}",
    ),
    (
        "image",
        "Image (a container image or OCI artifact)
:reference     Reference
:pullPolicy     PullPolicy",
    ),
];
