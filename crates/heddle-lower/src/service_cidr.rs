//! ServiceCIDRs.

use crate::mesh::networks;
use crate::notes::Notes;
use crate::place::{Place, Wrong};
use heddle_model::fact::ServiceCidr;

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Result<ServiceCidr, Wrong> {
    let spec = root.need("spec")?;
    spec.object()?;
    Ok(ServiceCidr { cidrs: networks(&spec, "cidrs", "it is not used", notes) })
}
