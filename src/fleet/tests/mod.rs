//! Stories of the fleet, told with a store, clients and agents that are a few lines each.

mod batch_stories;
mod concurrency_stories;
mod disk;
mod document_stories;
mod effect_stories;
mod explain_stories;
mod identity_stories;
mod job_stories;
mod lease_stories;
mod limit_stories;
mod machine_stories;
mod oracle;
mod outbox_stories;
mod placement_stories;
mod random;
mod restore_stories;
mod review_stories;
mod row_stories;
mod standstill_stories;
mod world;
