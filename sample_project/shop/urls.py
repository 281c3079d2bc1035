"""One address: the shop's only invoice."""

from django.urls import path

from shop.views import invoice

urlpatterns = [path("", invoice)]
