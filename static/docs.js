// Shows the API's description. Tried calls carry this session and its token.
window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("docs");
  SwaggerUIBundle({
    url: "/openapi.json",
    domNode: place,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    requestInterceptor: (request) => {
      request.headers["X-CSRF-Token"] = place.dataset.csrf;
      return request;
    },
  });
});
