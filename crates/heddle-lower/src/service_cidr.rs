//! ServiceCIDRs.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use crate::mesh::networks;
use heddle_model::fact::ServiceCidr;

pub(crate) fn lower(root: &Field<'_>, notes: &mut Diagnostics) -> Result<ServiceCidr, FieldError> {
    let spec = root.need("spec")?;
    spec.object()?;
    Ok(ServiceCidr { cidrs: networks(&spec, "cidrs", "it is not used", notes) })
}
