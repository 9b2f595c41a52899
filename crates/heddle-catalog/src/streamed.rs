//! The published resources of the Envoy dialect, as a stream's session reads them.

use crate::{ClientView, Entry, Xds};
use bytes::Bytes;
use heddle_model::Name;
use heddle_proto::ResourceType;
use heddle_session::{Resource, Version, View};
use heddle_xds::ResourceKey;

impl Resource for Entry<ResourceKey> {
    fn name(&self) -> &Name {
        &self.key().name
    }

    fn version(&self) -> Version {
        self.version()
    }

    fn body(&self) -> Bytes {
        self.body()
    }

    fn framed(&self) -> Bytes {
        self.framed()
    }

    fn is_shared(&self) -> bool {
        self.is_shared()
    }

    fn is_absent(&self) -> bool {
        self.is_absent()
    }

    fn needs(&self, each: &mut dyn FnMut(ResourceType, &Name)) {
        self.needs().iter().for_each(|key| each(key.ty, &key.name));
    }
}

impl View for ClientView<Xds> {
    type Resource = Entry<ResourceKey>;

    fn sequence(&self) -> u64 {
        self.sequence()
    }

    fn get(&self, ty: ResourceType, name: &Name) -> Option<Self::Resource> {
        self.get(ty, name)
    }

    fn absent(&self, ty: ResourceType, name: &Name) -> Option<Self::Resource> {
        self.absent(ty, name)
    }

    fn for_each(&self, ty: ResourceType, each: &mut dyn FnMut(&Self::Resource)) {
        self.for_each(ty, each);
    }

    fn is_given(&self, ty: ResourceType, name: &Name) -> bool {
        self.is_given(ty, name)
    }

    fn used(&self) -> Vec<(ResourceType, Name)> {
        self.used().into_iter().map(|ResourceKey { ty, name }| (ty, name)).collect()
    }

    fn for_each_given(&self, ty: ResourceType, each: &mut dyn FnMut(&Self::Resource)) {
        self.for_each_given(ty, each);
    }

    fn changed_since(&self, sequence: u64) -> Option<Vec<(ResourceType, Name)>> {
        let changed = self.changed_since(sequence)?;
        Some(changed.into_iter().map(|ResourceKey { ty, name }| (ty, name)).collect())
    }
}
