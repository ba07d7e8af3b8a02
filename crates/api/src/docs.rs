//! The description of the API: OpenAPI 3.1, made from the handlers, and the pages that show it.

use axum::Router;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

const DESCRIPTION: &str = include_str!("docs/description.md");
const JSON: &str = "application/json";
const DATA: &str = "data";
const ENVELOPE: &str = "Envelope_";
const ENVELOPE_OF_NOTHING: &str = "Envelope_Nothing";

/// The document before any operation is added.
pub(crate) fn base() -> OpenApi {
    let info =
        InfoBuilder::new().title("hutong 开放接口 · open API").version("1.0.0").description(Some(DESCRIPTION)).build();
    let mut components = Components::new();
    for (name, scheme) in security_schemes() {
        components.add_security_scheme(name, scheme);
    }
    let signed = ["appkey", "datetime", "sign"]
        .into_iter()
        .fold(SecurityRequirement::default(), |all, name| all.add(name, NO_SCOPES));
    let basic = SecurityRequirement::new("basic", NO_SCOPES);
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some([basic, signed])).build()
}

const NO_SCOPES: [&str; 0] = [];

fn security_schemes() -> [(&'static str, SecurityScheme); 4] {
    let header =
        |name, description| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)));
    [
        ("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic))),
        ("appkey", header("appkey", "应用密钥 · the application key")),
        (
            "datetime",
            header("datetime", "RFC 1123 格式的 GMT 时间 · the time of the request: `Thu, 13 Dec 2018 01:27:17 GMT`"),
        ),
        ("sign", header("sign", "Base64(HMAC-SHA1(appsecret, appkey + \"\\n\" + datetime))")),
    ]
}

/// Adds what holds for all operations. An operation that answers GET and POST alike has one description in
/// the code; in the document, its POST takes the parameters in a body and has an id of its own.
pub(crate) fn complete(document: &mut OpenApi) {
    for (name, schema) in document.components.iter_mut().flat_map(|components| &mut components.schemas) {
        if name.starts_with(ENVELOPE) && name != ENVELOPE_OF_NOTHING {
            let_data_be_null(schema);
        }
    }
    for item in document.paths.paths.values_mut() {
        let PathItem { get, post, .. } = item;
        if let (Some(_), Some(post)) = (&get, post.as_mut()) {
            post.operation_id = post.operation_id.as_ref().map(|id| format!("{id}_post"));
            move_parameters_to_body(post);
        }
        for operation in [get, post].into_iter().flatten() {
            add_common_responses(operation);
        }
    }
}

/// Any operation may fail, and its data is null then; the macro drops that from what is generic.
fn let_data_be_null(envelope: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(envelope)) = envelope else { return };
    let Some(data) = envelope.properties.swap_remove(DATA) else { return };
    let null = ObjectBuilder::new().schema_type(Type::Null).build();
    let description = "返回实体，出错时为 null · what was asked for; null on every error";
    let either = OneOfBuilder::new().item(data).item(null).description(Some(description)).build();
    envelope.properties.insert(DATA.to_owned(), Schema::OneOf(either).into());
}

fn move_parameters_to_body(operation: &mut Operation) {
    let Some(parameters) = operation.parameters.take() else { return };
    let mut body = ObjectBuilder::new();
    for parameter in parameters {
        // All of an operation's parameters are query parameters that are described in place.
        let RefOr::T(Parameter { name, description, schema, required, .. }) = parameter else { continue };
        if required == Required::True {
            body = body.required(name.clone());
        }
        body = body.property(name, described(schema.unwrap_or_else(|| Object::new().into()), description));
    }
    let content = Content::new(Some(body));
    operation.request_body = Some(RequestBodyBuilder::new().content(JSON, content).build().into());
}

fn described(schema: RefOr<Schema>, description: Option<String>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.description = object.description.or(description);
            object.into()
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.description = array.description.or(description);
            array.into()
        }
        other => other,
    }
}

/// Errors have HTTP status 200, but for these.
fn add_common_responses(operation: &mut Operation) {
    let errors = [
        ("413", "请求体过大 · the body is larger than 16 MiB"),
        ("429", "请求过于频繁 · the key makes more requests than it may, or its address too many that are not proven"),
        ("503", "服务暂不可用 · not in time, or not now"),
    ];
    for (status, description) in errors {
        let content = Content::new(Some(Ref::from_schema_name(ENVELOPE_OF_NOTHING)));
        let response = ResponseBuilder::new().description(description).content(JSON, content).build();
        operation.responses.responses.insert(status.to_owned(), response.into());
    }
}

/// `/docs` and `/openapi.json`, without anything from another server.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let config = Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(true);
    SwaggerUi::new("/docs").url("/openapi.json", document).config(config).into()
}
