//! ServiceCIDRs.

use crate::mesh::networks;
use crate::notes::Notes;
use crate::place::{Place, Wrong};
use heddle_model::fact::ServiceCidr;

pub(crate) fn lower(root: &Place<'_>, notes: &mut Notes) -> Result<ServiceCidr, Wrong> {
    Ok(ServiceCidr { cidrs: networks(&root.need("spec")?, "cidrs", "it is not used", notes) })
}
