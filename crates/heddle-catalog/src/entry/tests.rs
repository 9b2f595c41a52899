use super::*;
use heddle_proto::envoy::service::discovery::v3::Resource;
use heddle_proto::google::protobuf::Any;
use prost::Message;

fn projection(value: &[u8]) -> Projection<u8> {
    let value = Bytes::copy_from_slice(value);
    Projection { type_url: "type.example/T".to_string(), value, sources: BTreeSet::new(), needs: vec![] }
}

#[test]
fn a_frame_is_what_the_generated_messages_read() {
    for len in [0, 1, 100, 127, 128, 20_000, 3_000_000] {
        let value = vec![7; len];
        let text = version(&projection(&value)).to_string();
        let frame = frame("shop/web:80", &text, "type.example/T", &value);
        let any = Any { type_url: "type.example/T".to_string(), value: value.into() };
        let want = Resource {
            name: "shop/web:80".to_string(),
            version: text,
            resource: Some(any.clone()),
            ..Resource::default()
        };
        assert_eq!(Resource::decode(frame.bytes.clone()), Ok(want), "{len} bytes");
        assert_eq!(frame.bytes.slice(frame.body_at..), any.encode_to_vec(), "{len} bytes");
    }
}

#[test]
fn a_version_is_told_by_type_and_content_alone() {
    let base = version(&projection(b"x"));
    let sources = [SourceRef::new(heddle_model::Kind::Service, "shop", "web")].into();
    assert_eq!(version(&Projection { sources, ..projection(b"x") }), base);
    assert_ne!(version(&projection(b"y")), base);
    assert_ne!(version(&Projection { type_url: "type.example/U".to_string(), ..projection(b"x") }), base);
}
