//! Where a worker listens, and how often: the `index` of a query (CLU-6).

use std::collections::HashMap;

use super::message::{AddressType, Query};

/// The places of a worker's servers.
#[derive(Default)]
pub(super) struct Places(HashMap<Place, Indexes>);

/// The same for two servers that only an index tells apart.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    address: Option<String>,
    port: Option<u16>,
    address_type: AddressType,
    fd: Option<i32>,
}

struct Indexes {
    next: u32,
    live: usize,
}

impl Places {
    /// The index for one more server; `None` if there can only be one.
    pub(super) fn take(&mut self, query: &Query) -> Option<u32> {
        let indexes = self.0.entry(Place::of(query)).or_insert(Indexes { next: 0, live: 0 });
        // Known without asking (CLU-15); and a Node that was asked would forget its first server.
        if indexes.live > 0 && query.port != Some(0) {
            return None;
        }
        indexes.next += 1;
        indexes.live += 1;
        Some(indexes.next - 1)
    }

    /// Frees the place of a server. When none is left, the next is the first again, and shares with
    /// the first of other workers.
    pub(super) fn free(&mut self, query: &Query) {
        let place = Place::of(query);
        if let Some(indexes) = self.0.get_mut(&place) {
            indexes.live -= 1;
            if indexes.live == 0 {
                self.0.remove(&place);
            }
        }
    }
}

impl Place {
    fn of(query: &Query) -> Self {
        let Query { address, port, address_type, fd, .. } = query;
        Place { address: address.clone(), port: *port, address_type: *address_type, fd: *fd }
    }
}
