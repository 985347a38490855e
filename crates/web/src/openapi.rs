//! The OpenAPI 3.1 document, made from the route table and the types of the bodies.
//!
//! Guarantees: a route of the API cannot be left out, because the document is made by walking
//! the table; the shapes are derived from the very types that are read and written. It is made
//! once, when a server starts.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};

use crate::call::Call;
use crate::problem::Document;
use crate::route::{Access, Handled, Route, Verb, handler, table};

pub(crate) static ROUTES: &[Route] =
    &[Route::get("/openapi.json", Access::Public, handler!(serve))
        .doc(Doc::new("This document").ok::<AnyObject>())];

type Schemas = Vec<(String, RefOr<Schema>)>;
type Shape = fn(&mut Schemas) -> RefOr<Schema>;

/// What the document says about a route.
pub(crate) struct Doc {
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    keyed: bool,
    body: Option<Shape>,
    status: &'static str,
    answer: Option<Shape>,
    media_type: &'static str,
    problems: &'static [u16],
}

impl Doc {
    pub(crate) const fn new(summary: &'static str) -> Self {
        Self {
            summary,
            query: &[],
            keyed: false,
            body: None,
            status: "200",
            answer: None,
            media_type: "application/json",
            problems: &[],
        }
    }

    /// Names and meanings of the query's fields.
    pub(crate) const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// `Idempotency-Key` is required.
    pub(crate) const fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    pub(crate) const fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some(shape::<T>);
        self
    }

    pub(crate) const fn ok<T: ToSchema>(mut self) -> Self {
        self.answer = Some(shape::<T>);
        self
    }

    pub(crate) const fn created<T: ToSchema>(mut self) -> Self {
        self.status = "201";
        self.answer = Some(shape::<T>);
        self
    }

    /// The answer is a file of this type.
    pub(crate) const fn file(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self.answer = Some(file);
        self
    }

    pub(crate) const fn no_content(mut self) -> Self {
        self.status = "204";
        self
    }

    /// Statuses of problems beyond those that any such route has.
    pub(crate) const fn problems(mut self, problems: &'static [u16]) -> Self {
        self.problems = problems;
        self
    }

    pub(crate) const fn summary(&self) -> &'static str {
        self.summary
    }
}

async fn serve(call: Call) -> Handled {
    let mut response = Response::new(Body::from(call.server.openapi.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The document as JSON.
pub(crate) fn document() -> Bytes {
    let mut schemas = Schemas::new();
    let problem = shape::<Document<'static>>(&mut schemas);
    let mut paths = PathsBuilder::new();
    for route in table() {
        let Some(doc) = &route.doc else { continue };
        let method = match route.verb() {
            Verb::Get => HttpMethod::Get,
            Verb::Post => HttpMethod::Post,
            Verb::Patch => HttpMethod::Patch,
            Verb::Delete => HttpMethod::Delete,
        };
        let operation = operation(route, doc, &problem, &mut schemas);
        paths = paths.path(route.path(), PathItem::new(method, operation));
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of POST /api/v1/sessions or of `ballast staff token`."))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .build();
    let info = InfoBuilder::new()
        .title("Ballast")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The bank's API. Amounts are decimal strings with a currency. Requests that move \
             money need an Idempotency-Key: the same key has at most one effect and always the \
             same answer. Errors are problem documents (RFC 9457).",
        ))
        .build();
    let document =
        OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    document.to_json().unwrap_or_default().into()
}

fn operation(
    route: &Route,
    doc: &Doc,
    problem: &RefOr<Schema>,
    schemas: &mut Schemas,
) -> OperationBuilder {
    let mut operation =
        OperationBuilder::new().summary(Some(doc.summary)).operation_id(Some(operation_id(route)));
    let parameter = |name: &str, place, required, text: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(if required { Required::True } else { Required::False })
            .description(Some(text))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
    };
    if route.path().contains("{number}") {
        operation = operation.parameter(parameter(
            "number",
            ParameterIn::Path,
            true,
            "the number of the customer or account",
        ));
    }
    for (name, text) in doc.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query, false, text));
    }
    if doc.keyed {
        operation = operation.parameter(parameter(
            "Idempotency-Key",
            ParameterIn::Header,
            true,
            "1 to 128 visible ASCII characters; the same key never moves money twice",
        ));
    }
    if let Some(body) = doc.body {
        let content = ContentBuilder::new().schema(Some(body(schemas))).build();
        let body = RequestBodyBuilder::new().content("application/json", content);
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    let mut response = ResponseBuilder::new().description("Done");
    if let Some(answer) = doc.answer {
        let content = ContentBuilder::new().schema(Some(answer(schemas))).build();
        response = response.content(doc.media_type, content);
    }
    operation = operation.response(doc.status, response);
    for status in statuses(route, doc) {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        let response = ResponseBuilder::new().description("Not done: a problem document");
        let response = response.content("application/problem+json", content);
        operation = operation.response(status.to_string(), response);
    }
    match route.access() {
        Access::Public | Access::Operator => operation,
        Access::SignedIn | Access::Roles(_) => {
            operation.security(SecurityRequirement::new("bearer", Vec::<String>::new()))
        }
    }
}

fn statuses(route: &Route, doc: &Doc) -> Vec<u16> {
    let guarded: &[u16] = match route.access() {
        Access::Public | Access::Operator => &[],
        Access::SignedIn => &[401, 503],
        Access::Roles(_) => &[401, 403, 503],
    };
    let read: &[u16] = if doc.body.is_some() { &[400, 413, 415] } else { &[] };
    let asked: &[u16] = if doc.query.is_empty() { &[] } else { &[400] };
    let keyed: &[u16] = if doc.keyed { &[422, 504] } else { &[] };
    let mut all = [guarded, read, asked, keyed, doc.problems].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Such as `post-api-v1-transfers-batch`.
fn operation_id(route: &Route) -> String {
    let method = route.verb().method().as_str().to_ascii_lowercase();
    let path = route.path().replace(['{', '}'], "").replace(['/', '.'], "-");
    format!("{method}{path}")
}

fn shape<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    let inline = T::schema();
    if matches!(inline, RefOr::T(Schema::Array(_))) {
        return inline;
    }
    let name = T::name().into_owned();
    schemas.push((name.clone(), inline));
    RefOr::Ref(Ref::from_schema_name(name))
}

fn file(_: &mut Schemas) -> RefOr<Schema> {
    let file = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    RefOr::T(Schema::Object(file.build()))
}

/// An object that is described elsewhere.
#[derive(ToSchema)]
#[schema(as = OpenApiDocument)]
struct AnyObject {}
