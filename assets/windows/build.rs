//! What a Windows executable carries beside its code: an icon, its version, and the manifest by which it is told true pixels.

fn main() {
    println!("cargo::rerun-if-changed=assets/windows");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return;
    }
    let mut resource = winresource::WindowsResource::new();
    resource.set_icon("assets/windows/deskfleet.ico");
    resource.set_manifest_file("assets/windows/deskfleet.manifest");
    resource.set("ProductName", "deskfleet");
    resource.set("LegalCopyright", "MIT or Apache-2.0");
    if let Err(error) = resource.compile() {
        println!(
            "cargo::error=the icon and manifest cannot be made: {error}; on Debian install binutils-mingw-w64-x86-64"
        );
    }
}
